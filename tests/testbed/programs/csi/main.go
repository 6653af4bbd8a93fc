// csi-driver is a CSI driver whose volumes and snapshots are folders: a test sees on the disk what is in them, and says
// in a file which calls fail.
//
//	FOLDER/volumes/ID      what is in a volume; a pod gets it as a bind mount
//	FOLDER/snapshots/ID    a copy of a volume as it was
//	FOLDER/faults.json     see faults.go
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const version = "1.0.0"

func main() {
	folder := flag.String("folder", "", "where volumes and snapshots are")
	name := flag.String("name", "", "of the driver, as StorageClasses have it")
	socket := flag.String("socket", "", "where the driver serves")
	node := flag.String("node", "", "the node that it mounts on, if any")
	registrar := flag.String("registration", "", "the socket in kubelet's plugins_registry, where there is a kubelet")
	asked := flag.Bool("version", false, "")
	flag.Parse()
	if *asked {
		fmt.Println("csi-driver", version)
		return
	}
	store := storage{*folder}
	if err := store.prepare(); err != nil {
		log.Fatal(err)
	}
	driver := grpc.NewServer(grpc.UnaryInterceptor(faults{*folder}.intercept))
	csi.RegisterIdentityServer(driver, identity{name: *name})
	csi.RegisterControllerServer(driver, controller{storage: store})
	csi.RegisterNodeServer(driver, mounter{storage: store, node: *node})
	serve(driver, *socket)
	if *registrar != "" {
		plugins := grpc.NewServer()
		registration.RegisterRegistrationServer(plugins, plugin{name: *name, socket: *socket})
		serve(plugins, *registrar)
	}
	select {}
}

func serve(server *grpc.Server, socket string) {
	os.Remove(socket) // of a run that was killed
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(server.Serve(listener)) }()
}

type identity struct {
	csi.UnimplementedIdentityServer
	name string
}

func (d identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: d.name, VendorVersion: version}, nil
}

func (d identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

func (d identity) GetPluginCapabilities(
	context.Context, *csi.GetPluginCapabilitiesRequest,
) (*csi.GetPluginCapabilitiesResponse, error) {
	service := &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}
	capability := &csi.PluginCapability{Type: &csi.PluginCapability_Service_{Service: service}}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{capability}}, nil
}

// plugin tells kubelet of the driver.
type plugin struct {
	registration.UnimplementedRegistrationServer
	name, socket string
}

func (p plugin) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: p.name, Endpoint: p.socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (p plugin) NotifyRegistrationStatus(
	_ context.Context, said *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !said.PluginRegistered {
		log.Printf("kubelet does not take the driver: %s", said.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
