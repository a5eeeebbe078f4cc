package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"clipd/device/announce"
	"clipd/device/api"
	"clipd/device/clock"
	"clipd/device/link"
	"clipd/store"
)

// atMost is how long a test waits for what must come.
const atMost = 20 * time.Second

// desk is a request table over a real catalogue, and what it did to its neighbours.
type desk struct {
	t     *testing.T
	dir   string
	store *store.Store
	table *requests
	did   chan string // removed, pushed, rescanned, replayed
	stop  func()
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), did: make(chan string, 100)}
	d.open()
	return d
}

// open opens the catalogue and runs the table on it.
func (d *desk) open() {
	d.t.Helper()
	s, _, err := store.Open(context.Background(), store.Options{
		Dir: d.dir, Now: time.Now, Synced: func() bool { return true }, BootID: "boot",
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.store = s
	c := clock.System()
	d.table = &requests{
		store: s, links: link.New(make([]byte, 32), c), clock: c, zone: time.UTC, linkTTL: time.Hour, log: slog.New(slog.DiscardHandler),
		version: "1", status: func() api.Status { return api.Status{Version: "1"} }, rescan: func() { d.did <- "rescanned" },
		replay: d.replay, remove: d.remove, push: d.push,
		targets: func(target, url string) ([]string, error) { return []string{target}, nil },
		verbs:   verbTable(), queue: make(chan announce.Ask, maxQueued),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.table.run(ctx) }()
	stopped := false
	d.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			d.t.Error(err)
		}
	}
	d.t.Cleanup(func() { d.stop() })
}

func (d *desk) remove(ctx context.Context, id store.ID, _ string, also ...store.Op) error {
	d.did <- "removed " + id.String()
	return d.store.Apply(ctx, append(also, store.Forget(id, "asked for"))...)
}

func (d *desk) push(ctx context.Context, id store.ID, targets []string, url string, also ...store.Op) error {
	d.did <- "pushed " + id.String()
	return d.store.Apply(ctx, append(also, store.Enqueue(store.Push{ID: id, Target: "nas"}))...)
}

func (d *desk) replay(from uint64, limit int, first func(announce.Replayed) error) (bool, error) {
	err := first(announce.Replayed{From: from, To: from, Count: limit})
	d.did <- "replayed"
	return true, err
}

// add lists a clip of camera that covers from start for d.
func (d *desk) add(camera, name string, start time.Time, length time.Duration) store.Clip {
	d.t.Helper()
	c := store.Clip{
		Path: camera + "/" + name + ".mp4", Camera: camera, Size: 1000, Mtime: start.Add(length), MediaType: "video/mp4", Start: start,
		StartSource: "container", Duration: length, Complete: true, Hashed: true, SHA256: [32]byte{1, 2, 3}, BootID: "boot",
	}
	c.ID = store.MakeID(c.Path, c.Size, c.Mtime)
	if err := d.store.Apply(context.Background(), store.Add(c, store.Live)); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// send asks and returns where the answer will come.
func (d *desk) send(verb, text string) <-chan api.Response {
	d.t.Helper()
	var r api.Request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		d.t.Fatal(err)
	}
	got := make(chan api.Response, 1)
	a := announce.Ask{Verb: verb, Request: r, At: time.Now(), Base: "http://192.0.2.7:8470", Answer: func(r api.Response) { got <- r }}
	for !d.table.put(a) {
		d.t.Fatal("the table has no room")
	}
	return got
}

// answer is a response as a client reads it.
type answer struct {
	Status string
	Data   map[string]any
	Error  struct{ Type, Title, Detail string }
	bytes  int
}

func (a answer) id() string { s, _ := a.Data["id"].(string); return s }

func (d *desk) read(from <-chan api.Response) (a answer) {
	d.t.Helper()
	select {
	case r := <-from:
		b, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(b, &a)
		}
		if err != nil {
			d.t.Fatal(err)
		}
		a.bytes = len(b)
		return a
	case <-time.After(atMost):
		d.t.Fatal("no answer")
		return a
	}
}

func (d *desk) ask(verb, text string) answer {
	d.t.Helper()
	return d.read(d.send(verb, text))
}

// done is how often the neighbours were told to do something since the last call.
func (d *desk) done() (did []string) {
	for {
		select {
		case s := <-d.did:
			did = append(did, s)
		default:
			return did
		}
	}
}

// opens reports whether address carries a good link to id.
func (d *desk) opens(address any, id store.ID) bool {
	u, err := url.Parse(fmt.Sprint(address))
	if err != nil || !strings.HasPrefix(u.Path, "/clips/"+id.String()+"/") {
		return false
	}
	_, err = d.table.links.Check(link.Clip, id, u.Query())
	return err == nil
}
