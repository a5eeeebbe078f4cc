package root

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenAwkwardNames(t *testing.T) {
	r := ready(t)
	deep := strings.Repeat("d/", 20) + "a.mp4"
	for _, path := range []string{"a.mp4", "front/a.mp4", "x\xff\xfe.mp4", "+ # %2f\n.mp4", strings.Repeat("n", 255), "..mp4", "a..b", deep} {
		put(t, r, path, "text")
		f, info, err := r.Open(path)
		if err != nil {
			t.Errorf("Open %q: %v", path, err)
			continue
		}
		b, _ := io.ReadAll(f)
		f.Close()
		if string(b) != "text" || info.Size() != 4 || info.Name() != filepath.Base(path) {
			t.Errorf("Open %q: %q, %v", path, b, info)
		}
		if st, err := r.Stat(path); err != nil || !os.SameFile(st, info) {
			t.Errorf("Stat %q: %v", path, err)
		}
	}
}

func TestPathsThatAreNoneBeneath(t *testing.T) {
	r := ready(t)
	put(t, r, "front/a.mp4", "x")
	outside := filepath.Join(filepath.Dir(r.Dir()), "outside.mp4")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	bad := []string{"", "/", ".", "..", "../outside.mp4", "front/../../outside.mp4", "front/../front/a.mp4", outside,
		"front//a.mp4", "front/./a.mp4", "front/a.mp4/", "front/", "front/a.mp4\x00.jpg", "\x00"}
	for _, path := range bad {
		_, _, open := r.Open(path)
		_, stat := r.Stat(path)
		remove := r.Remove(path)
		for _, err := range []error{open, stat, remove} {
			if !errors.Is(err, ErrNotRegular) {
				t.Errorf("%q: %v, want ErrNotRegular", path, err)
			}
		}
	}
	if _, err := r.ReadDir(".."); !errors.Is(err, ErrNotRegular) {
		t.Errorf("ReadDir ..: %v", err)
	}
}

func TestWhatIsNoRegularFile(t *testing.T) {
	r := ready(t)
	put(t, r, "real/a.mp4", "x")
	at := func(name string) string { return filepath.Join(r.Dir(), name) }
	makes := map[string]error{
		"link":         os.Symlink("real/a.mp4", at("link")),
		"out":          os.Symlink("/etc/passwd", at("out")),
		"up/a.mp4":     os.Symlink("real", at("up")),
		"real":         nil,
		"fifo":         unix.Mkfifo(at("fifo"), 0o644),
		"real/a.mp4/b": nil,
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	makes["socket"] = nil
	if err := unix.Mknod(at("null"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3))); err == nil {
		makes["null"] = nil
	} else {
		t.Logf("without a device: mknod: %v", err)
	}
	for path, err := range makes {
		if err != nil {
			t.Fatal(err)
		}
		_, _, open := r.Open(path)
		_, stat := r.Stat(path)
		for what, err := range map[string]error{"Open": open, "Stat": stat, "Remove": r.Remove(path)} {
			if !errors.Is(err, ErrNotRegular) {
				t.Errorf("%s %q: %v, want ErrNotRegular", what, path, err)
			}
		}
		if _, err := os.Lstat(at(path)); err != nil && path != "real/a.mp4/b" {
			t.Errorf("%q was removed", path)
		}
	}
	if _, err := r.ReadDir("up"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("ReadDir of a link: %v", err)
	}
}

func TestAbsent(t *testing.T) {
	r := ready(t)
	for _, path := range []string{"a.mp4", "no/a.mp4", strings.Repeat("n", 256), strings.Repeat("n", 5000)} {
		_, _, open := r.Open(path)
		_, stat := r.Stat(path)
		_, list := r.ReadDir(path)
		for _, err := range []error{open, stat, list, r.Remove(path)} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%.20q: %v, want fs.ErrNotExist", path, err)
			}
		}
	}
}

func TestRemove(t *testing.T) {
	r := ready(t)
	put(t, r, "front/a.mp4", "x")
	put(t, r, "front/b.mp4", "x")
	if err := r.Remove("front/a.mp4"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Join(r.Dir(), "front")); got != "b.mp4" {
		t.Errorf("front holds %q", got)
	}
}

// A root that is a link is the configuration's choice; links beneath it are not.
func TestRootBehindALink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "recordings")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	r, _, _ := newRoot(t, link)
	r.Look(t.Context())
	put(t, r, "a.mp4", "x")
	if _, err := r.Stat("a.mp4"); err != nil {
		t.Error(err)
	}
}

func TestFree(t *testing.T) {
	free, total, err := ready(t).Free()
	if err != nil || free <= 0 || total < free {
		t.Errorf("Free = %d of %d, %v", free, total, err)
	}
}

// descriptors counts what this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNoDescriptorOutlivesACall(t *testing.T) {
	r := ready(t)
	put(t, r, "d/a.mp4", "x")
	before := descriptors(t)
	for _, path := range []string{"d/a.mp4", "d", "d/no", "no/no", "d/a.mp4/x", "..", ""} {
		f, _, err := r.Open(path)
		if err == nil {
			f.Close()
		}
		r.Stat(path)
		r.ReadDir(path)
		r.Remove(path)
	}
	r.Look(t.Context())
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
