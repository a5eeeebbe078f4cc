package store

import (
	"fmt"
	"os"
	"path/filepath"
)

// Unclean reports whether the last run on the state folder dir did not close its catalogue (or one is running).
func Unclean(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, runningName))
	return err == nil
}

// closedIn reports whether the last run closed its catalogue in this boot. After another one the power may have gone since,
// and with it what a card had said it had flushed: at the stop above all, which writes last and is waited for least.
func closedIn(dir, boot string) bool {
	b, err := os.ReadFile(filepath.Join(dir, stoppedName))
	return err == nil && string(b) == boot
}

func markRunning(dir string) error {
	path := filepath.Join(dir, runningName)
	if err := writeSynced(path, nil, 0o600); err != nil {
		return fmt.Errorf("noting that the catalogue is open: %w", err)
	}
	return syncFolder(dir)
}

// markStopped notes that the catalogue was closed. A next start that must leave a seq out (jump) takes it for one of
// another boot.
func markStopped(dir, boot string, jump bool) error {
	var err error
	if jump || !closedIn(dir, boot) && WriteFile(dir, stoppedName, []byte(boot), 0o600) != nil { // the disk may be full
		err = removeFile(filepath.Join(dir, stoppedName))
	}
	if err == nil {
		err = removeFile(filepath.Join(dir, runningName))
	}
	if err != nil {
		return fmt.Errorf("noting that the catalogue is closed: %w", err)
	}
	return syncFolder(dir)
}
