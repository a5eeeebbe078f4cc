package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestPullOntoFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a small disk cannot be mounted here: %v", err)
		}
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	var f fakeBox
	for i := range 5 {
		f.add(fmt.Sprintf("front/%d.mp4", i), footage(1<<20-i))
	}
	url := f.start(t)
	code, _, errs := ctl(t, url, "pull", dir)
	if code != exitDiskFull || !strings.Contains(errs, "no space left") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	code, _, errs = ctl(t, url, "pull", "--layout", "{path}", dir)
	if code != exitOK || len(tree(t, dir)) != 5 {
		t.Errorf("with room: exit %d with %q: %s", code, tree(t, dir), errs)
	}
}
