package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mounter gives pods of its node the folders of their volumes.
type mounter struct {
	csi.UnimplementedNodeServer
	storage
	node string
}

func (m mounter) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: m.node}, nil
}

func (m mounter) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

func (m mounter) NodePublishVolume(
	_ context.Context, asked *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	if there, err := m.known("volumes", asked.VolumeId); err != nil || there == nil {
		return nil, status.Errorf(codes.NotFound, "volume %s does not exist", asked.VolumeId)
	}
	if err := os.MkdirAll(asked.TargetPath, 0o755); err != nil {
		return nil, failed(err)
	}
	unmount(asked.TargetPath) // of a call that is repeated
	err := syscall.Mount(m.path("volumes", asked.VolumeId), asked.TargetPath, "", syscall.MS_BIND, "")
	if err == nil && asked.Readonly {
		err = syscall.Mount("", asked.TargetPath, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
	if err != nil {
		return nil, failed(err)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (m mounter) NodeUnpublishVolume(
	_ context.Context, asked *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	err := unmount(asked.TargetPath)
	if err == nil {
		err = os.Remove(asked.TargetPath)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, failed(err)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// unmount is content where nothing is mounted.
func unmount(path string) error {
	if err := syscall.Unmount(path, 0); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
