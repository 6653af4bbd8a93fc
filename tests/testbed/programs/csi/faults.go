package main

import (
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// faults are what a test wrote into faults.json; they hold from the next call on, for as long as the file has them.
type faults struct{ folder string }

type wanted struct {
	// Calls that are refused, by their names, as CreateSnapshot.
	Errors map[string]struct {
		Code    codes.Code `json:"code"` // as RESOURCE_EXHAUSTED
		Message string     `json:"message"`
	} `json:"errors"`
	// Calls that wait until they are no longer listed here.
	Held []string `json:"held"`
	// Whether snapshots are taken but cannot be restored yet, as while they are uploaded.
	Unready bool `json:"unready"`
}

func (f faults) read() wanted {
	var found wanted
	if content, err := os.ReadFile(filepath.Join(f.folder, "faults.json")); err == nil {
		if err := json.Unmarshal(content, &found); err != nil {
			panic(err)
		}
	}
	return found
}

func (f faults) held(call string) bool {
	for _, each := range f.read().Held {
		if each == call {
			return true
		}
	}
	return false
}

func (f faults) intercept(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (any, error) {
	call := path.Base(info.FullMethod)
	for f.held(call) {
		select {
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	if refused, ok := f.read().Errors[call]; ok {
		return nil, status.Error(refused.Code, refused.Message)
	}
	return handle(ctx, request)
}
