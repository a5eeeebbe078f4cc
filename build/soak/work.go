package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// work keeps a box busy: a recorder, a reader of the journal, people who pin, delete and ask for links, and a puller.
// Each notes what was acknowledged in the model.
type work struct {
	box    *box
	model  *model
	sample []byte
	names  *int // how many recordings there ever were
	fail   func(format string, args ...any)
}

// run works until ctx is done. What fails because the box is gone is no failure.
func (w *work) run(ctx context.Context, r *rand.Rand) {
	var wg sync.WaitGroup
	for _, task := range []func(context.Context, *rand.Rand) error{w.record, w.follow, w.change, w.pull} {
		chance := rand.New(rand.NewPCG(r.Uint64(), 0))
		wg.Go(func() {
			for ctx.Err() == nil && task(ctx, chance) == nil {
				rest(ctx, time.Duration(chance.Int64N(int64(50*time.Millisecond))))
			}
		})
	}
	wg.Wait()
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// record writes one recording, durably: what a recorder did not flush is no fact.
func (w *work) record(context.Context, *rand.Rand) error {
	*w.names++
	path := fmt.Sprintf("cam%d/%06d.mp4", *w.names%3, *w.names)
	full := filepath.Join(w.box.dir, "recordings", path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	f, err := os.Create(full)
	if err != nil {
		return err
	}
	_, err = f.Write(w.sample)
	if err := errors.Join(err, f.Sync(), f.Close(), syncFolders(full, 3)); err != nil {
		return err
	}
	w.model.note(fact{kind: recorded, path: path})
	return nil
}

// syncFolders makes the names on the way to path durable, so many folders up.
func syncFolders(path string, up int) error {
	for range up {
		path = filepath.Dir(path)
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// follow reads the journal on from where the model stands.
func (w *work) follow(ctx context.Context, _ *rand.Rand) error {
	rows, err := w.box.events(ctx, w.model.now().last)
	if err != nil {
		return err
	}
	for _, r := range rows {
		w.model.note(fact{kind: event, id: r.ID, path: r.Path, seq: r.Seq, text: r.EventType})
	}
	return nil
}

// some returns one of the clips that nobody has asked to delete.
func (w *work) some(r *rand.Rand) *expected {
	var all []*expected
	for _, c := range w.model.now().clips {
		if c.added && c.there() {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[r.IntN(len(all))]
}

// change pins, deletes or asks for a link.
func (w *work) change(ctx context.Context, r *rand.Rand) error {
	c := w.some(r)
	if c == nil {
		return nil
	}
	url := "/api/v1/clips/" + c.id
	switch n := r.IntN(4); {
	case n == 0:
		w.model.note(fact{kind: pinning, path: c.path})
		return w.asked(ctx, http.MethodPut, url+"/pin", fact{kind: pinned, path: c.path})
	case n <= 2 && !c.pinning:
		w.model.note(fact{kind: deleting, path: c.path})
		return w.asked(ctx, http.MethodDelete, url, fact{kind: deleted, path: c.path})
	default:
		var answer struct{ URL string }
		status, err := w.box.ask(ctx, http.MethodPost, url+"/link", `{"ttl":"24h"}`, &answer)
		if err == nil && status < 300 {
			w.model.note(fact{kind: linked, path: c.path, text: answer.URL})
		}
		return err
	}
}

// asked notes f if the answer is 2xx.
func (w *work) asked(ctx context.Context, method, path string, f fact) error {
	status, err := w.box.ask(ctx, method, path, "", nil)
	if err == nil && status < 300 {
		w.model.note(f)
	}
	return err
}

// pull fetches a clip and compares its bytes.
func (w *work) pull(ctx context.Context, r *rand.Rand) error {
	c := w.some(r)
	if c == nil {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.box.address+"/clips/"+c.id+"/x.mp4", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.box.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK && !bytes.Equal(body, w.sample) {
		w.fail("clip %s came with %d other bytes (%s)", c.id, len(body), strings.Join(res.Header["Content-Length"], ","))
	}
	return nil
}
