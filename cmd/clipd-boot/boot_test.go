package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// clipdProgram is the real clipd, which judges configurations.
var clipdProgram string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "clipd-boot-")
	if err != nil {
		panic(err)
	}
	clipdProgram = filepath.Join(dir, "clipd")
	if out, err := exec.Command("go", "build", "-o", clipdProgram, "clipd/cmd/clipd").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build clipd: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// board is a system below a folder of the test's own, with a clock that the test sets.
type board struct {
	*boot
	t     *testing.T
	calls []string
	said  bytes.Buffer
	time  time.Time
}

func newBoard(t *testing.T) *board {
	t.Helper()
	d := &board{t: t, boot: newBoot(), time: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)}
	d.root, d.clipd, d.out, d.patience = t.TempDir(), clipdProgram, &d.said, 0
	d.now = func() time.Time { return d.time }
	d.call = func(name string, args ...string) (string, error) {
		d.calls = append(d.calls, name+" "+strings.Join(args, " "))
		return map[string]string{"hostname": "porch\n", "systemctl": "active\n"}[name], nil
	}
	for _, dir := range []string{firmwareDir, boxDir, "/etc", "/usr/share/zoneinfo/Europe", "/root", "/run"} {
		if err := os.MkdirAll(d.at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.write("/usr/share/zoneinfo/Europe/Vienna", "TZif")
	return d
}

func (d *board) write(path, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.at(path), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// text is what is in the file at path; a file that is not there fails the test.
func (d *board) text(path string) string {
	d.t.Helper()
	b, err := os.ReadFile(d.at(path))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *board) there(path string) bool {
	_, err := os.Lstat(d.at(path))
	return err == nil
}

func (d *board) mode(path string) os.FileMode {
	d.t.Helper()
	fi, err := os.Lstat(d.at(path))
	if err != nil {
		d.t.Fatal(err)
	}
	return fi.Mode()
}

func (d *board) mustTake() {
	d.t.Helper()
	if err := d.take(); err != nil {
		d.t.Fatal(err)
	}
}

// tokens opens the box's tokens as clipd would.
func (d *board) tokens() *store.Tokens {
	d.t.Helper()
	tokens, err := store.OpenTokens(d.at(stateDir), d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	return tokens
}
