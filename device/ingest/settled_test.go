package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"clipd/store"
)

func TestWritersOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, []byte("x"))
	reader := must[*os.File](t)(os.Open(file))
	defer reader.Close()
	if w, err := writersOf(reader); w != noWriter || err != nil {
		t.Errorf("closed file: %v %v", w, err)
	}
	writer := must[*os.File](t)(os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0))
	if w, err := writersOf(reader); w != hasWriter || err != nil {
		t.Errorf("file open for appending: %v %v", w, err)
	}
	closing(t, writer)
	if w, err := writersOf(reader); w != noWriter || err != nil {
		t.Errorf("file closed again: %v %v", w, err)
	}
	check(t, os.WriteFile(file, []byte("y"), 0o644)) // no lease is left behind to wait for
}

// inChild runs the test again as nobody, who may take no lease on root's files.
func inChild(t *testing.T, dir string, started func(stdout io.Reader)) {
	t.Helper()
	cmd := exec.Command(testBinary(t), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "CLIPD_TEST_DIR="+dir, "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = dir
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	cmd.Stderr = cmd.Stdout
	check(t, cmd.Start())
	var all strings.Builder
	started(io.TeeReader(out, &all))
	_, err := io.Copy(io.Discard, io.TeeReader(out, &all))
	if err = errors.Join(err, cmd.Wait()); err != nil {
		t.Fatalf("as nobody: %v\n%s", err, all.String())
	}
}

// testBinary is a copy of this test that nobody may run.
func testBinary(t *testing.T) string {
	t.Helper()
	data := must[[]byte](t)(os.ReadFile(must[string](t)(os.Executable())))
	file := filepath.Join(publicDir(t), "ingest.test")
	check(t, os.WriteFile(file, data, 0o755))
	return file
}

// publicDir is a folder that every user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := must[string](t)(os.MkdirTemp("", "clipd-ingest-"))
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o777))
	return dir
}

// Recorder and box are different users: the kernel refuses the lease, so a file is settled when it was quiet.
func TestSettledAcrossUsers(t *testing.T) {
	if dir := os.Getenv("CLIPD_TEST_DIR"); dir != "" {
		boxAsNobody(t, dir)
		return
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root, to be two users")
		}
		t.Skip("needs root, to be two users")
	}
	dir := publicDir(t)
	recordings := filepath.Join(dir, "recordings")
	write(t, filepath.Join(recordings, "front/old.mp4"), mp4(t))
	write(t, filepath.Join(recordings, ".clipd-root"), []byte(strings.Repeat("0", 32)+"\n"))
	inChild(t, dir, func(stdout io.Reader) {
		await(t, stdout, "watching")
		write(t, filepath.Join(recordings, "front/a.mp4"), mp4(t))
		growing := must[*os.File](t)(os.Create(filepath.Join(recordings, "front/b.mp4")))
		must[int](t)(growing.Write(mp4(t)))
		write(t, filepath.Join(recordings, "front/b.mp4"), mp4(t)) // another's close, while one is still open
		free := []byte("\x00\x00\x00\x08free")
		for range ticksWanted {
			await(t, stdout, "tick")
			must[int](t)(growing.WriteAt(free, must[int64](t)(growing.Seek(0, io.SeekEnd))))
		}
		closing(t, growing)
	})
}

// boxAsNobody is the child: it says when it watches, ticks while the parent writes, and checks what came of it.
func boxAsNobody(t *testing.T, dir string) {
	const stable = 400 * time.Millisecond
	b := openBox(t, filepath.Join(dir, "recordings"), filepath.Join(dir, "state"), func(in *Ingest) { in.delays.stable = stable })
	f, _, err := b.Root.Open("front/old.mp4")
	check(t, err)
	if w, err := writersOf(f); w != unknownWriter || err != nil {
		t.Fatalf("lease on another user's file: %v %v", w, err)
	}
	closing(t, f)
	b.run()
	<-b.Ready()
	fmt.Println("\nwatching")
	ticks := time.NewTicker(stable / 4)
	for range ticksWanted {
		<-ticks.C
		fmt.Println("\ntick")
	}
	ticks.Stop()
	b.clip("front/old.mp4")
	b.clip("front/a.mp4")
	b.until("the grown file", func() bool {
		c, stage, err := b.Store.ClipAt("front/b.mp4")
		info, serr := b.Root.Stat("front/b.mp4")
		return err == nil && serr == nil && stage == store.StageListed && c.Size == info.Size()
	})
	for _, e := range b.journal() {
		if quiet := e.Time.Sub(e.Clip.Mtime); e.Type == store.ClipAdded && e.Origin == store.Live && quiet < stable {
			t.Errorf("%s was announced when it was quiet for %v only", e.Clip.Path, quiet)
		}
	}
}

// ticksWanted is how often the recorder writes: for longer than being quiet would take to settle the file.
const ticksWanted = 12

// await reads r up to a line that is word.
func await(t *testing.T, r io.Reader, word string) {
	t.Helper()
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			t.Fatalf("waiting for %q: %v", word, err)
		}
		if one[0] != '\n' {
			line = append(line, one[0])
			continue
		}
		if string(line) == word {
			return
		}
		line = line[:0]
	}
}

// A file that changes under the reading is read again: its row holds the sums of what its size and mtime belong to.
func TestChangedWhileHashed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.mp4")
	data := make([]byte, 3*hashBlock)
	write(t, file, data)
	f := must[*os.File](t)(os.Open(file))
	defer f.Close()
	info := must[os.FileInfo](t)(f.Stat())
	c := store.Clip{Path: "a.mp4", Size: info.Size(), Mtime: info.ModTime()}
	blocks := 0
	h := hasher{pause: func(ctx context.Context) error {
		if blocks++; blocks == 2 {
			data[0] = 1
			write(t, file, data) // same size, the first block has been read
			check(t, os.Chtimes(file, time.Time{}, info.ModTime().Add(time.Second)))
		}
		return nil
	}}
	if err := h.clip(t.Context(), f, &c); !errors.Is(err, errChanged) || c.Hashed {
		t.Errorf("hashed %v, error %v: want errChanged and no sums", c.Hashed, err)
	}
	check(t, os.Truncate(file, 5))
	if err := h.clip(t.Context(), f, &c); !errors.Is(err, errChanged) {
		t.Errorf("a file that became shorter: %v, want errChanged", err)
	}
}

// Reading behind a scan gives the pages back.
func TestHashForgetsPages(t *testing.T) {
	var fs unix.Statfs_t
	if check(t, unix.Statfs(os.TempDir(), &fs)); fs.Type == unix.TMPFS_MAGIC {
		t.Skip("a tmpfs has no pages to give back")
	}
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, make([]byte, 3*dropEvery))
	f := must[*os.File](t)(os.Open(file))
	defer f.Close()
	unix.Sync()
	info := must[os.FileInfo](t)(f.Stat())
	for _, forget := range []bool{false, true} {
		c := store.Clip{Size: info.Size(), Mtime: info.ModTime()}
		h := hasher{forget: forget, pause: func(ctx context.Context) error { return nil }}
		check(t, h.clip(t.Context(), f, &c))
		if cached := pagesCached(t, f, int(info.Size())); forget != (cached < int(info.Size())/2) {
			t.Errorf("forget %v: %d of %d bytes are cached", forget, cached, info.Size())
		}
	}
}

// pagesCached counts f's bytes in the page cache, mincore(2).
func pagesCached(t *testing.T, f *os.File, size int) int {
	t.Helper()
	m := must[[]byte](t)(unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED))
	defer unix.Munmap(m)
	page := os.Getpagesize()
	in := make([]byte, (size+page-1)/page)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(size), uintptr(unsafe.Pointer(&in[0])))
	if errno != 0 {
		t.Fatalf("mincore: %v", errno)
	}
	n := 0
	for _, b := range in {
		n += int(b&1) * page
	}
	return n
}

func TestUsualDelays(t *testing.T) {
	if usualDelays.stable != 2*time.Second || usualDelays.cutOff != 10*time.Second {
		t.Errorf("delays %+v, want 2 s and 10 s", usualDelays)
	}
}

func TestWaiting(t *testing.T) {
	w := newWaiting()
	defer w.stop()
	for i := range maxWaiting {
		if !w.add(recheck{path: fmt.Sprint(i), due: time.Now().Add(time.Hour)}) {
			t.Fatalf("no room for file %d", i)
		}
	}
	if w.add(recheck{path: "one more", due: time.Now()}) {
		t.Error("more files wait than may")
	}
	if !w.add(recheck{path: "7", due: time.Now().Add(-time.Second)}) {
		t.Error("a file that waits already found no room")
	}
	<-w.timer.C
	if due := w.ripe(); len(due) != 1 || due[0].path != "7" {
		t.Errorf("due %v, want 7", due)
	}
}

func TestExpect(t *testing.T) {
	e := expectationsOf([]Camera{{Name: "driveway", Expect: time.Minute}, {Name: "garden"}})
	told := map[string]string{}
	problem := func(key, text string) { told[key] = text }
	if e.check(problem); told["camera/driveway"] != "" {
		t.Errorf("problem at the start: %q", told["camera/driveway"])
	}
	e.last["driveway"] = time.Now().Add(-2 * time.Minute)
	if e.check(problem); !strings.Contains(told["camera/driveway"], "driveway") {
		t.Errorf("problem %q, want one about the driveway", told["camera/driveway"])
	}
	e.met("driveway")
	e.met("garden")
	if e.check(problem); told["camera/driveway"] != "" || len(told) != 1 {
		t.Errorf("problems %v, want none", told)
	}
}
