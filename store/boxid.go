package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	boxIDFile = "box-id"
	boxIDSize = 6 // bytes, two hex digits each
)

// BoxID reads (or makes) state/box-id: 12 random hex digits, made again when serial (the board's, "" if it has none) is
// not the one noted beside it. cloned tells that it was, or that the file held no id.
//
// The file has two lines: the id and the serial number.
func BoxID(dir, serial string) (id string, cloned bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, boxIDFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("reading the box id: %w", err)
	}
	there := err == nil
	id, noted, _ := strings.Cut(string(data), "\n")
	noted = strings.TrimSuffix(noted, "\n")
	serial = strings.TrimSpace(serial)
	switch {
	case !there || !isBoxID(id):
		id, cloned = newBoxID(), there
	case noted == serial || serial == "":
		return id, false, nil
	case noted != "":
		id, cloned = newBoxID(), true
	}
	return id, cloned, WriteFile(dir, boxIDFile, []byte(id+"\n"+serial+"\n"), 0o644)
}

func isBoxID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == boxIDSize && s == strings.ToLower(s)
}

func newBoxID() string {
	var b [boxIDSize]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
