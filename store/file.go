package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// writing serializes WriteFile, whose temporary name is always the same so that crashes leave no pile of them.
var writing sync.Mutex

// WriteFile replaces the file name in dir atomically: temporary name, fsync, rename, fsync of the folder. After an error
// the old file is still there, unless only the last step failed. Safe for concurrent use within one process.
func WriteFile(dir, name string, data []byte, mode uint32) error {
	writing.Lock()
	defer writing.Unlock()
	path := filepath.Join(dir, name)
	temporary := path + ".tmp"
	if err := writeSynced(temporary, data, fs.FileMode(mode)); err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, removeFile(temporary)))
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, removeFile(temporary)))
	}
	return syncFolder(dir)
}

// writeSynced makes the file at path, which no other process may read before it has its mode.
func writeSynced(path string, data []byte, mode fs.FileMode) error {
	if err := removeFile(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode.Perm()) // the umask took bits away
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// removeFile removes the file at path, if there is one.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes the names in dir durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("fsync of folder %s: %w", dir, err)
	}
	return nil
}
