package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	damageSeeds   = 300 // of each kind of damage
	allDamages    = 7 * damageSeeds
	damageClips   = 60
	startsAllowed = 3 // until one works, or it is a crash loop
)

// damaged is what starting on damaged catalogues came to.
type damaged struct {
	catalogues, aside, died, records int
	slowest                          time.Duration // from a start until every record is right again
}

func (d *damaged) add(o damaged) {
	d.catalogues, d.aside, d.died, d.records = d.catalogues+o.catalogues, d.aside+o.aside, d.died+o.died, d.records+o.records
	d.slowest = max(d.slowest, o.slowest)
}

func (d damaged) String() string {
	return fmt.Sprintf("%d damaged catalogues: %d were set aside, %d starts ended and were done again, %d records compared, all right again within %v",
		d.catalogues, d.aside, d.died, d.records, d.slowest.Round(time.Millisecond))
}

// damages starts the program on n damaged catalogues, number by number, and holds every record it serves against what was
// there: within a few starts it works, nothing it serves is wrong, and after its scan everything is what it was.
func (c *campaign) damages(ctx context.Context, n int) error {
	var next atomic.Int64
	return c.lanes(ctx, lanesAtOnce, func(ctx context.Context, c *campaign) error {
		d := &ruin{campaign: c}
		if err := d.prepare(ctx); err != nil {
			return err
		}
		defer d.box.kill()
		for at := int(next.Add(1)) - 1; at < n && !c.over() && ctx.Err() == nil; at = int(next.Add(1)) - 1 {
			if err := d.try(ctx, at); err != nil {
				return err
			}
			c.figures.damaged.catalogues++
			if len(c.wrong) > 0 {
				return nil
			}
		}
		return nil
	})
}

// ruin is a box whose catalogue is damaged again and again.
type ruin struct {
	*campaign
	box        *box
	old, whole []byte // the catalogue, twice
	spoilt     []byte
	pins       []byte
	was, want  served // by the one and by the other
}

func (d *ruin) state(name string) string { return filepath.Join(d.box.dir, "state", name) }

// prepare fills the box, and keeps its catalogue as it was twice.
func (d *ruin) prepare(ctx context.Context) (err error) {
	if d.box, err = d.newBox(filepath.Join(d.dir, "box"), noBroker); err != nil {
		return err
	}
	d.box.env = []string{"PATH="} // no ffmpeg: posters would come at any time
	m, names := &model{}, 0
	w := &work{box: d.box, model: m, sample: d.sample, names: &names, fail: d.fail}
	if d.old, d.was, err = d.aged(ctx, w, nil); err != nil {
		return err
	}
	if d.whole, d.want, err = d.aged(ctx, w, d.change); err != nil {
		return err
	}
	d.pins, err = os.ReadFile(d.state("pins"))
	return err
}

// aged is one ordinary life of the box, in which it gets more clips.
func (d *ruin) aged(ctx context.Context, w *work, change func(context.Context, served) error) (catalogue []byte, s served, err error) {
	if err := d.box.launch(); err != nil {
		return nil, s, err
	}
	if err := d.box.ready(d.start); err != nil {
		return nil, s, err
	}
	for range damageClips / 2 {
		if err := w.record(ctx, nil); err != nil {
			return nil, s, err
		}
	}
	t := w.model.now()
	if err := t.settle(ctx, d.box); err != nil {
		return nil, s, err
	}
	if s, err = d.box.serves(ctx); err == nil && change != nil {
		err = change(ctx, s)
	}
	if err != nil {
		return nil, s, err
	}
	if s, err = d.box.serves(ctx); err != nil {
		return nil, s, err
	}
	if err := d.box.stop(); err != nil {
		return nil, s, err
	}
	catalogue, err = os.ReadFile(d.state("catalogue.db"))
	return catalogue, s, err
}

// change deletes, pins and acknowledges some of the clips.
func (d *ruin) change(ctx context.Context, s served) error {
	for i, c := range s.order {
		var hashed struct {
			SHA256 string `json:"sha256"`
		}
		if err := json.Unmarshal([]byte(s.records[c]), &hashed); err != nil {
			return err
		}
		method, path, body := http.MethodPut, "/pin", ""
		switch i % 6 {
		case 0:
			method, path = http.MethodDelete, ""
		case 1:
		case 2:
			method, path, body = http.MethodPost, "/ack", `{"consumer":"nas","sha256":"`+hashed.SHA256+`"}`
		default:
			continue
		}
		if status, err := d.box.ask(ctx, method, "/api/v1/clips/"+c+path, body, nil); err != nil || status >= 300 {
			return fmt.Errorf("%s %s of clip %s: %d %w", method, path, c, status, err)
		}
	}
	return nil
}

// spoil puts catalogue number at in place. It was damaged while the power was gone, after a stop in order; every fourth
// after one that was not.
func (d *ruin) spoil(at int) error {
	bad, err := filepath.Glob(d.state("catalogue.db*"))
	for _, name := range append(bad, d.state("running")) {
		if e := os.Remove(name); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	r := rand.New(rand.NewPCG(uint64(at), 9))
	d.spoilt = spoilers[at%len(spoilers)].spoil(bytes.Clone(d.whole), d.old, r)
	err = errors.Join(err, os.WriteFile(d.state("catalogue.db"), d.spoilt, 0o600), os.WriteFile(d.state("pins"), d.pins, 0o600))
	if err != nil {
		return err
	}
	if at/len(spoilers)%4 == 0 {
		return os.WriteFile(d.state("running"), nil, 0o600)
	}
	return os.WriteFile(d.state("stopped"), []byte("another boot"), 0o600)
}

// try starts on catalogue number at until it works.
func (d *ruin) try(ctx context.Context, at int) error {
	if err := d.spoil(at); err != nil {
		return err
	}
	began := time.Now()
	say := func(format string, args ...any) {
		d.fail("catalogue %d (%s), kept as %s: %s", at, spoilers[at%len(spoilers)].name, d.keep(at), fmt.Sprintf(format, args...))
	}
	for range startsAllowed {
		if err := d.box.launch(); err != nil {
			return err
		}
		err := d.live(ctx, say)
		ended := err != nil && d.box.endsIn(patience)
		d.box.kill()
		if text, _ := d.box.log.now(); strings.Contains(text, "set aside and is rebuilt") {
			d.figures.damaged.aside++
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			d.figures.damaged.slowest = max(d.figures.damaged.slowest, time.Since(began))
			return nil
		case !ended:
			say("%v", err)
			return nil
		}
		d.figures.damaged.died++ // systemd starts it again
	}
	text, _ := d.box.log.now()
	say("still no start after %d:\n%s", startsAllowed, text)
	return nil
}

// keep leaves catalogue number at for whoever looks into it: ids in it are random, and no seed makes it again.
func (d *ruin) keep(at int) string {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("clipd-soak-catalogue-%d.db", at))
	d.note("keeping the catalogue", os.WriteFile(path, d.spoilt, 0o600))
	return path
}

// live looks at what a box serves that was just started, until it is what it was.
func (d *ruin) live(ctx context.Context, say func(string, ...any)) error {
	if err := d.box.ready(d.start); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	differs := ""
	err := until(ctx, func() (bool, error) {
		now, err := d.box.serves(ctx)
		if err != nil {
			return false, err
		}
		d.figures.damaged.records += len(now.records) + len(now.events)
		for _, w := range now.unwritten(d.was, d.want) {
			say("%s", w)
		}
		differs = now.differs(d.want)
		return differs == "" || len(d.wrong) > 0, nil
	})
	if differs != "" && errors.Is(err, context.DeadlineExceeded) {
		text, _ := d.box.log.now()
		return fmt.Errorf("still wrong after %v: %s\n%s", patience, differs, text)
	}
	return err
}
