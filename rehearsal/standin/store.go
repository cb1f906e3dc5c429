package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	stateFile = "STAND-IN.json"
	lockFile  = "LOCK"
)

// persistent is all that a stand-in keeps across restarts.
type persistent struct {
	Notice        string   `json:"notice"`
	StoreID       string   `json:"storeId"`
	ClusterID     string   `json:"clusterId,omitempty"`
	NodeID        int      `json:"nodeId,omitempty"`
	HighestNodeID int      `json:"highestNodeId,omitempty"` // the highest ever heard of: ids are never given twice
	Members       []member `json:"members,omitempty"`
}

// store is the folder of --store, held by this process alone.
type store struct {
	folder string
	lock   *os.File
}

// openStore makes the folder if it is missing, locks it and reads what was kept, or begins a new store.
func openStore(folder string) (*store, persistent, error) {
	var kept persistent
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, kept, fmt.Errorf("could not make the store folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, kept, fmt.Errorf("could not open the store's lock: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, kept, fmt.Errorf("could not lock %s: another process uses this store: %w", lock.Name(), err)
	}
	s := &store{folder: folder, lock: lock}
	content, err := os.ReadFile(filepath.Join(folder, stateFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		kept = persistent{StoreID: rand.Text()}
		err = s.save(kept)
	case err == nil:
		if err = json.Unmarshal(content, &kept); err == nil && kept.StoreID == "" {
			err = errors.New("no store id in it")
		}
		if err != nil {
			err = fmt.Errorf("%s is damaged: %w", filepath.Join(folder, stateFile), err)
		}
	}
	if err != nil {
		s.close()
		return nil, kept, err
	}
	return s, kept, nil
}

// save replaces the state whole or not at all, also when the machine stops in between.
func (s *store) save(state persistent) error {
	state.Notice = notice
	content, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.folder, stateFile)
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(content, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	folder, err := os.Open(s.folder)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// close gives the folder free for another process.
func (s *store) close() { s.lock.Close() }
