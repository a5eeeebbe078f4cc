package update

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

func (b *box) failed(want string) {
	b.t.Helper()
	s, err := b.running("").Status()
	if err != nil || s.Failed == nil || s.Failed.Version != want {
		b.t.Errorf("status: %+v, %v; want %s to have failed", s, err, want)
	}
}

func TestThreeStartsThatFail(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.1", 2000)
	b.take(v, b.bundle("1.2", "broken", 3000))
	for n, boot := range []string{"a", "a", "b"} {
		if s := b.start(boot); s.Version != "1.2" || !s.Trial {
			t.Fatalf("start %d: %+v", n+1, s)
		}
	}
	if s := b.start("b"); s.Version != "1.1" || s.Trial {
		t.Errorf("after three starts that failed: %+v", s)
	}
	b.failed("1.2")
}

// A version that once was healthy gives way too if it no longer starts, but not because the power went three times.
func TestAKeptVersionThatNoLongerStarts(t *testing.T) {
	b := newBox(t)
	b.proved(b.running(""), "1.1", 2000)
	for _, boot := range []string{"a", "b", "c", "d", "e", "e", "e"} {
		if s := b.start(boot); s.Version != "1.1" {
			t.Fatalf("boot %s: %+v", boot, s)
		}
	}
	if s := b.start("e"); s.Folder != "" {
		t.Errorf("the fourth start in one boot: %+v", s)
	}
	b.failed("1.1")
}

func TestHealthyEndsTheCount(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.1", 2000)
	for range 10 {
		if s := b.start("a"); s.Version != "1.1" {
			t.Fatalf("%+v starts", s)
		}
		_, err := v.Keep()
		b.must(err)
	}
}

// Of being kept and being late only one happens.
func TestKeptOrFailed(t *testing.T) {
	b := newBox(t)
	b.take(b.running(""), b.bundle("1.1", "program", 2000))
	s := b.start("a")
	v := b.running(s.Folder)
	if kept, err := v.Keep(); !kept || err != nil {
		t.Fatalf("keep: %v, %v", kept, err)
	}
	if failed, err := v.Fail(s.Folder, "late"); failed || err != nil {
		t.Errorf("a version that was kept failed: %v", err)
	}
	b.take(v, b.bundle("1.2", "program", 3000))
	s = b.start("a")
	if failed, err := v.Fail(s.Folder, "late"); !failed || err != nil {
		t.Fatalf("fail: %v, %v", failed, err)
	}
	if kept, err := b.running(s.Folder).Keep(); kept || err != nil {
		t.Errorf("a version that failed was kept: %v", err)
	}
	if now := b.start("a"); now.Version != "1.1" {
		t.Errorf("%+v starts", now)
	}
	b.failed("1.2")
}

// What a daemon that was taken over could leave in its folder never runs.
func TestNothingUnsignedRuns(t *testing.T) {
	for name, spoil := range map[string]func(b *box, folder string) error{
		"another program": func(b *box, folder string) error {
			return os.WriteFile(filepath.Join(b.cfg.Dir, folder, program), []byte("evil"), 0o755)
		},
		"a longer program": func(b *box, folder string) error {
			return os.WriteFile(filepath.Join(b.cfg.Dir, folder, program), []byte("1.1 and more"), 0o755)
		},
		"a link": func(b *box, folder string) error {
			path := filepath.Join(b.cfg.Dir, folder, program)
			return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path))
		},
		"no program": func(b *box, folder string) error { return os.Remove(filepath.Join(b.cfg.Dir, folder, program)) },
		"no head":    func(b *box, folder string) error { return os.Remove(filepath.Join(b.cfg.Dir, folder, headFile)) },
		"another head": func(b *box, folder string) error {
			return os.WriteFile(filepath.Join(b.cfg.Dir, folder, headFile), []byte(format+"{}\n\n"), 0o644)
		},
		"a path for a choice": func(b *box, folder string) error {
			return os.WriteFile(filepath.Join(b.cfg.Dir, choiceFile), []byte(`{"chosen":"../../../../tmp/x-01234567"}`), 0o644)
		},
		"half a choice": func(b *box, folder string) error {
			return os.WriteFile(filepath.Join(b.cfg.Dir, choiceFile), []byte(`{"chosen":"1.1`), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			v := b.proved(b.running(""), "1.1", 2000)
			b.must(spoil(b, v.Running))
			s := b.start("boot")
			if s.Program != "" || s.Folder != "" {
				t.Errorf("%+v starts", s)
			}
			told, err := b.running("").Status()
			if err != nil || told.Failed == nil {
				t.Errorf("nobody is told: %+v, %v", told, err)
			}
			b.proved(b.running(""), "1.2", 3000) // and an update goes on from there
		})
	}
}

// A card that is flashed with a newer image keeps its data partition, and runs what was flashed.
func TestANewerImageRunsItsOwn(t *testing.T) {
	b := newBox(t)
	b.proved(b.running(""), "1.1", 2000)
	b.cfg.Packaged, b.cfg.Built = "2.0", 2001
	if s := b.start("boot"); s.Folder != "" || s.Version != "2.0" {
		t.Errorf("%+v starts", s)
	}
	if s, err := b.running("").Status(); err != nil || s.Failed != nil || s.Running != "2.0" {
		t.Errorf("status: %+v, %v", s, err)
	}
	b.proved(b.running(""), "2.1", 3000)
}

// The previous version is spoilt as well: the packaged one is the last resort.
func TestLastResort(t *testing.T) {
	b := newBox(t)
	one := b.proved(b.running(""), "1.1", 2000)
	two := b.proved(one, "1.2", 3000)
	for _, v := range []*Versions{one, two} {
		b.must(os.Truncate(filepath.Join(b.cfg.Dir, v.Running, program), 1))
	}
	if s := b.start("boot"); s.Folder != "" || len(s.Said) != 2 {
		t.Errorf("%+v starts", s)
	}
}

// The power goes at every byte of an update (with -short at some): what ran before runs again, until the whole bundle is there.
func TestCutAtEveryByte(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.1", 2000)
	good := b.bundle("1.2", "1.2", 3000)
	gone := errors.New("the power is gone")
	step := 1
	if testing.Short() {
		step = 40
	}
	for n := 0; n < len(good); n += step {
		if _, err := v.Take(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(gone)), false); !errors.Is(err, gone) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
		// What a crash leaves is not cleaned up: so it is when the folder is half there.
		b.must(os.MkdirAll(filepath.Join(b.cfg.Dir, incoming), 0o700))
		b.must(os.WriteFile(filepath.Join(b.cfg.Dir, incoming, program), []byte("1."), 0o755))
		if s := b.start("boot"); s.Version != "1.1" {
			t.Fatalf("cut after %d bytes: %+v starts", n, s)
		}
		if _, err := v.Keep(); err != nil {
			t.Fatal(err)
		}
	}
	// The folder has its name, the choice was not made yet.
	h, err := v.judge(reader(good), false)
	b.must(err)
	in := reader(good)
	_, err = readHead(in, v.keys)
	b.must(err)
	b.must(v.bring(&h, in))
	if s := b.start("boot"); s.Version != "1.1" {
		t.Errorf("unpacked and not chosen: %+v starts", s)
	}
	b.proved(v, "1.2", 3000)
}

// What was kept runs also where nothing can be written.
func TestAReadOnlyDiskRunsWhatWasKept(t *testing.T) {
	b := newBox(t)
	b.proved(b.running(""), "1.1", 2000)
	for _, name := range []string{lockFile, choiceFile + ".tmp"} {
		path := filepath.Join(b.cfg.Dir, name)
		b.must(os.RemoveAll(path))
		b.must(os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	}
	for range 5 {
		if s := b.start("boot"); s.Version != "1.1" || len(s.Said) == 0 {
			t.Fatalf("%+v starts", s)
		}
	}
}

// A trial that cannot be counted is not begun: it might fail for ever.
func TestAFullDiskBeginsNoTrial(t *testing.T) {
	b := newBox(t)
	v := b.proved(b.running(""), "1.1", 2000)
	b.take(v, b.bundle("1.2", "1.2", 3000))
	b.must(os.MkdirAll(filepath.Join(b.cfg.Dir, choiceFile+".tmp", "full"), 0o700)) // the choice cannot be replaced
	if s := b.start("boot"); s.Version != "1.1" {
		t.Errorf("%+v starts", s)
	}
}
