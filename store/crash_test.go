package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Tests start this test program again with one of these to get a process of its own: TestMain runs it.
var inChild = map[string]func(args []string) error{
	"crash":  crashing,
	"damage": damaging,
	"hold":   holding,
	"read":   reading,
	"tokens": addingTokens,
}

const childVariable = "CLIPD_STORE_TEST_CHILD"

func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(args, "\n"))
	return cmd
}

func serveChild() (ran bool, code int) {
	args := strings.Split(os.Getenv(childVariable), "\n")
	run := inChild[args[0]]
	if run == nil {
		return false, 0
	}
	if err := run(args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true, 1
	}
	return true, 0
}

// crashing adds, pins and forgets clips from four goroutines until it is killed, and says what it will forget, and what
// is on disk.
func crashing(args []string) error {
	s, _, err := Open(context.Background(), Options{Dir: args[0], BootID: "boot", Verify: VerifyInChild, maxSize: 64 << 20})
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(what string, c *Clip) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf("%s %s\n", what, c.ID)
	}
	failed := make(chan error)
	for w := range 4 {
		go func() { failed <- crashWorker(s, fmt.Sprintf("round%s-%d", args[1], w), say) }()
	}
	return <-failed
}

func crashWorker(s *Store, camera string, say func(string, *Clip)) error {
	ctx := context.Background()
	for n := 0; ; n++ {
		c := clip(camera, n)
		if err := s.Apply(ctx, Add(c, Live)); err != nil {
			return err
		}
		say("added", &c)
		if n%3 == 0 {
			if err := s.Apply(ctx, Pin(c.ID, true)); err != nil {
				return err
			}
			say("pinned", &c)
		}
		if n%4 == 3 {
			old := clip(camera, n-2)
			say("forgetting", &old)
			if err := s.Apply(ctx, Forget(old.ID, "test")); err != nil {
				return err
			}
			say("forgot", &old)
		}
	}
}

// TestKilled kills a busy process again and again: what it was told is on disk is there, and rows, events and pins say the
// same (invariant 2).
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	said := map[ID]string{}
	pinned := map[ID]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	seen := uint64(0)
	for round := range 30 {
		killOnce(t, dir, round, 1+random.IntN(60), said, pinned)
		s, opened, err := Open(t.Context(), Options{Dir: dir, Verify: VerifyInChild, maxSize: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if opened.Created || !opened.Unclean {
			t.Fatalf("round %d: %+v", round, opened)
		}
		compareKilled(t, s, said, pinned)
		compareEvents(t, s)
		_, last := s.Journal()
		if last <= seen {
			t.Fatalf("seq stands at %d after %d", last, seen)
		}
		seen = last
		sound(t, s)
	}
}

func killOnce(t *testing.T, dir string, round, lines int, said map[ID]string, pinned map[ID]bool) {
	t.Helper()
	cmd := child(t, "crash", dir, strconv.Itoa(round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == lines {
			cmd.Process.Kill()
		}
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			break
		}
		what, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		id, err := ParseID(text)
		if err != nil {
			continue // cut off by the kill
		}
		if what == "pinned" {
			pinned[id] = true
		} else {
			said[id] = what
		}
	}
	cmd.Wait() // it was killed
}

func compareKilled(t *testing.T, s *Store, said map[ID]string, pinned map[ID]bool) {
	t.Helper()
	for id, what := range said {
		c, _, err := s.Clip(id)
		switch {
		case what == "added" && err != nil:
			t.Fatalf("clip %s was added and is lost: %v", id, err)
		case what == "forgot" && err == nil:
			t.Fatalf("clip %s was forgotten and is back", id)
		case err == nil && pinned[id] && !c.Pinned:
			t.Fatalf("clip %s was pinned and is not", id)
		}
	}
}

// compareEvents checks that the journal's clip_added and clip_removed leave exactly the clips that are listed.
func compareEvents(t *testing.T, s *Store) {
	t.Helper()
	listed := map[ID]bool{}
	after := uint64(0)
	for {
		events, gap, err := s.Events(after, 1000)
		if err != nil || gap {
			t.Fatal(gap, err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			switch e.Type {
			case ClipAdded:
				listed[e.Clip.ID] = true
			case ClipRemoved:
				delete(listed, e.Clip.ID)
			}
			after = e.Seq
		}
	}
	q := Query{Limit: 1000}
	rows := 0
	for {
		page, err := s.List(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Clips {
			if rows++; !listed[c.ID] {
				t.Fatalf("clip %s is listed without its event", c.ID)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if rows != len(listed) {
		t.Fatalf("%d clips are listed, the journal says %d", rows, len(listed))
	}
}
