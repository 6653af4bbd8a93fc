package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// storage is the volumes and snapshots on the disk; what is known of each stands in a file beside its folder.
type storage struct{ folder string }

type record struct {
	Source   string    `json:"source,omitempty"` // the volume of a snapshot
	Capacity int64     `json:"capacity"`
	Created  time.Time `json:"created"`
}

var errAbsent = errors.New("does not exist")

func (s storage) prepare() error {
	return errors.Join(
		os.MkdirAll(filepath.Join(s.folder, "volumes"), 0o755), os.MkdirAll(filepath.Join(s.folder, "snapshots"), 0o755),
	)
}

// path of a volume or a snapshot; kind is the folder it is in.
func (s storage) path(kind, id string) string {
	return filepath.Join(s.folder, kind, filepath.Base(id))
}

// known returns what is recorded, nil where there is no such thing.
func (s storage) known(kind, id string) (*record, error) {
	content, err := os.ReadFile(s.path(kind, id) + ".json")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found record
	return &found, json.Unmarshal(content, &found)
}

func (s storage) all(kind string) []string {
	files, _ := filepath.Glob(filepath.Join(s.folder, kind, "*.json"))
	ids := make([]string, len(files))
	for i, file := range files {
		ids[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return ids
}

// create makes a volume or a snapshot with the content of the folder `from`, or empty; it is there whole or not at all.
func (s storage) create(kind, id, from string, made record) error {
	target := s.path(kind, id)
	scratch := target + ".tmp"
	if err := os.RemoveAll(scratch); err != nil {
		return err
	}
	if err := fill(scratch, from); err != nil {
		os.RemoveAll(scratch)
		return err
	}
	content, _ := json.Marshal(made)
	return errors.Join(os.RemoveAll(target), os.Rename(scratch, target), os.WriteFile(target+".json", content, 0o644))
}

func fill(target, from string) error {
	if from == "" {
		return errors.Join(os.Mkdir(target, 0o755), os.Chmod(target, 0o777))
	}
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("%s %w", filepath.Base(from), errAbsent)
	}
	if said, err := exec.Command("cp", "--archive", "--reflink=auto", from, target).CombinedOutput(); err != nil {
		return errors.New(strings.TrimSpace(string(said)))
	}
	return nil
}

func (s storage) remove(kind, id string) error {
	return errors.Join(os.RemoveAll(s.path(kind, id)), os.RemoveAll(s.path(kind, id)+".json"))
}
