package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clipd/device/api"
)

// newDisk is a disk for the USB port, with a file system whose label makes it the box's.
func newDisk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(256 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-L", "clipd-disk", path)
	return path
}

// plug puts a disk into the USB port.
func (q *qmp) plug(path string) {
	q.t.Helper()
	q.do("blockdev-add", map[string]any{"driver": "raw", "node-name": "stick", "file": map[string]any{"driver": "file", "filename": path}})
	q.do("device_add", map[string]any{"driver": "usb-storage", "id": "usbdisk", "drive": "stick", "bus": "usb.0"})
}

// pull takes it out, whatever is going on.
func (q *qmp) pull() {
	q.t.Helper()
	q.do("device_del", map[string]any{"id": "usbdisk"})
	q.event("DEVICE_DELETED")
	q.do("blockdev-del", map[string]any{"node-name": "stick"})
}

// A USB disk as the recordings folder is pulled while the box records, put back, and replaced by another.
func TestSecondDisk(t *testing.T) {
	c := newCard(t)
	private, public := key(t)
	c.put("clipd.toml", settings(public, "", "root = \"/media/disk\"\n"))
	m := c.boot(t, "1")
	m.waitReady()
	q := dialQMP(t, m.qmpPath())
	m.signIn(private)
	m.waitStatus("no disk", func(s api.Status) bool { return s.StorageProblem != "" })
	disk := newDisk(t)
	q.plug(disk)
	m.waitStatus("the disk is there", func(s api.Status) bool { return s.StorageProblem == "" })
	m.record("ROOT=/media/disk")
	had := m.waitClips(2)

	q.pull()
	m.waitStatus("the disk went", func(s api.Status) bool { return s.StorageProblem != "" })
	if n := m.sh("ls -A /media/disk | wc -l"); n != "0" {
		t.Errorf("%s files were written beneath the mount point", n)
	}
	m.eventually("the recorder waits", func() error {
		return m.says("journalctl -b --no-pager -u clipd-recorder@front", "no .clipd-root")
	})

	q.plug(disk)
	m.waitStatus("the disk is back", func(s api.Status) bool { return s.StorageProblem == "" && !s.Scanning })
	now := m.waitClips(len(had) + 1)
	for id, clip := range had {
		if now[id].Path != clip.Path {
			t.Errorf("clip %s %s is now %+v", id, clip.Path, now[id])
		}
	}

	q.pull()
	m.waitStatus("the disk went", func(s api.Status) bool { return s.StorageProblem != "" })
	q.plug(newDisk(t))
	s := m.waitStatus("a strange disk", func(s api.Status) bool { return strings.Contains(s.StorageProblem, "adopt") })
	t.Log(s.StorageProblem)
	m.ctl(clipctl(t), "adopt", "--yes")
	m.waitStatus("it is adopted", func(s api.Status) bool { return s.StorageProblem == "" })
	m.eventually("only clips of the new disk", func() error {
		all, err := m.clips()
		for id := range had {
			if _, there := all[id]; there {
				t.Fatal("a clip of the disk before is still listed")
			}
		}
		return err
	})
	m.waitClips(1)
}
