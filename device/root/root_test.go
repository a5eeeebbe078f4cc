package root

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is the catalogue's part in this: it keeps one id.
type memory struct {
	mu  sync.Mutex
	id  string
	err error
}

func (m *memory) RootID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id
}

func (m *memory) SetRootID(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.id = id
	}
	return m.err
}

// journal is a log that tests may read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) lines() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), "\n")
}

func newRoot(t *testing.T, dir string) (*Root, *memory, *journal) {
	t.Helper()
	ids, log := &memory{}, &journal{}
	return New(dir, ids, slog.New(slog.NewTextHandler(log, nil))), ids, log
}

// ready is a root that has been looked at and accepted.
func ready(t *testing.T) *Root {
	t.Helper()
	r, _, _ := newRoot(t, t.TempDir())
	if s := r.Look(t.Context()); s != (State{Present: true, Writable: true}) {
		t.Fatalf("Look = %+v", s)
	}
	return r
}

func put(t *testing.T, r *Root, path, text string) {
	t.Helper()
	full := filepath.Join(r.Dir(), path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func marker(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, Marker))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func mustSay(t *testing.T, s State, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(s.Problem, w) {
			t.Errorf("Problem %q does not say %q", s.Problem, w)
		}
	}
}
