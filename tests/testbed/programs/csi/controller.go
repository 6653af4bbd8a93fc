package main

import (
	"context"
	"errors"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const defaultCapacity = 1 << 30

// controller makes volumes and snapshots. Their names are unique, so they are the ids, and a call that is repeated finds
// what the first one made.
type controller struct {
	csi.UnimplementedControllerServer
	storage
}

func (c controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	var all []*csi.ControllerServiceCapability
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: kind}
		all = append(all, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}})
	}
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: all}, nil
}

func (c controller) ValidateVolumeCapabilities(
	_ context.Context, asked *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	confirmed := &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: asked.VolumeCapabilities}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: confirmed}, nil
}

func (c controller) CreateVolume(
	_ context.Context, asked *csi.CreateVolumeRequest,
) (*csi.CreateVolumeResponse, error) {
	made := record{Capacity: asked.GetCapacityRange().GetRequiredBytes(), Created: time.Now()}
	if made.Capacity == 0 {
		made.Capacity = defaultCapacity
	}
	there, err := c.known("volumes", asked.Name)
	if err != nil {
		return nil, failed(err)
	}
	if there == nil {
		from, err := c.source(asked.GetVolumeContentSource().GetSnapshot(), made.Capacity)
		if err != nil {
			return nil, err
		}
		if err := c.create("volumes", asked.Name, from, made); err != nil {
			return nil, failed(err)
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: asked.Name, CapacityBytes: made.Capacity, ContentSource: asked.VolumeContentSource,
	}}, nil
}

// source is the folder that a volume begins with; none for one that begins empty.
func (c controller) source(snapshot *csi.VolumeContentSource_SnapshotSource, capacity int64) (string, error) {
	if snapshot == nil {
		return "", nil
	}
	taken, err := c.known("snapshots", snapshot.SnapshotId)
	switch {
	case err != nil:
		return "", failed(err)
	case taken == nil:
		return "", status.Errorf(codes.NotFound, "snapshot %s does not exist", snapshot.SnapshotId)
	case capacity < taken.Capacity:
		return "", status.Errorf(codes.OutOfRange, "snapshot %s needs %d bytes", snapshot.SnapshotId, taken.Capacity)
	}
	return c.path("snapshots", snapshot.SnapshotId), nil
}

func (c controller) DeleteVolume(_ context.Context, asked *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, failed(c.remove("volumes", asked.VolumeId))
}

func (c controller) CreateSnapshot(
	_ context.Context, asked *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	there, err := c.known("snapshots", asked.Name)
	if err == nil && there == nil {
		err = c.take(asked.Name, asked.SourceVolumeId)
	}
	if err != nil {
		return nil, failed(err)
	}
	taken, err := c.describe(asked.Name)
	return &csi.CreateSnapshotResponse{Snapshot: taken}, err
}

func (c controller) take(id, volume string) error {
	source, err := c.known("volumes", volume)
	if err != nil {
		return err
	}
	if source == nil {
		return status.Errorf(codes.NotFound, "volume %s does not exist", volume)
	}
	made := record{Source: volume, Capacity: source.Capacity, Created: time.Now()}
	return c.create("snapshots", id, c.path("volumes", volume), made)
}

func (c controller) describe(id string) (*csi.Snapshot, error) {
	taken, err := c.known("snapshots", id)
	if err != nil {
		return nil, failed(err)
	}
	return &csi.Snapshot{
		SnapshotId: id, SourceVolumeId: taken.Source, SizeBytes: taken.Capacity,
		CreationTime: timestamppb.New(taken.Created), ReadyToUse: !faults{c.folder}.read().Unready,
	}, nil
}

func (c controller) DeleteSnapshot(
	_ context.Context, asked *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	return &csi.DeleteSnapshotResponse{}, failed(c.remove("snapshots", asked.SnapshotId))
}

func (c controller) ListSnapshots(
	_ context.Context, asked *csi.ListSnapshotsRequest,
) (*csi.ListSnapshotsResponse, error) {
	var entries []*csi.ListSnapshotsResponse_Entry
	for _, id := range c.all("snapshots") {
		found, err := c.describe(id)
		if err != nil {
			return nil, err
		}
		if (asked.SnapshotId == "" || asked.SnapshotId == id) &&
			(asked.SourceVolumeId == "" || asked.SourceVolumeId == found.SourceVolumeId) {
			entries = append(entries, &csi.ListSnapshotsResponse_Entry{Snapshot: found})
		}
	}
	return &csi.ListSnapshotsResponse{Entries: entries}, nil
}

// failed gives an error of the disk the code that CSI has for it; nil stays nil.
func failed(err error) error {
	if _, coded := status.FromError(err); coded {
		return err
	}
	if errors.Is(err, errAbsent) {
		return status.Error(codes.NotFound, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}
