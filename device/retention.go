package device

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clipd/device/api"
	"clipd/device/ingest"
	"clipd/device/retain"
	"clipd/store"
)

// retentionFile holds what was confirmed for retention; without it more is asked, and nothing more deleted.
const retentionFile = "retention"

const maxRetention = 4 << 10 // bytes of it

func (b *box) newRetainer() *retain.Retainer {
	return retain.New(retain.Config{
		Store: b.store, Root: b.root, Clock: b.clock, Log: b.log, Rules: b.cfg.rules(),
		Targets: slices.Collect(maps.Keys(b.cfg.Targets)), Problem: b.problems.set,
		Expire: b.expire, ExpirePartial: b.remover.expirePartial, Off: b.retentionOff,
		Fetching: func(id store.ID) bool { return b.httpd.Fetching(id) },
		Load:     b.loadRetention, Keep: func(text []byte) error { return store.WriteFile(b.cfg.State, retentionFile, text, 0o600) },
	})
}

// rules are the rules of [keep].
func (c *Config) rules() retain.Rules {
	k := c.Keep
	r := retain.Rules{
		Age: time.Duration(k.Age), Size: int64(k.Size), Free: k.Free.Bytes, FreePercent: k.Free.Percent, Partial: time.Duration(k.Partial),
		Undelivered: k.Undelivered, ForgetConsumer: time.Duration(k.ForgetConsumer), LastResort: k.LastResort,
	}
	for _, class := range k.Classes {
		next := retain.Class{Name: class.Match, Camera: class.Camera, Age: time.Duration(class.Age), Size: int64(class.Size)}
		if class.Match != "" {
			next.Match = ingest.Glob(class.Match)
		} else {
			next.Name = class.Camera
		}
		r.Classes = append(r.Classes, next)
	}
	return r
}

// retentionOff is what ingest has against deleting anything, "" if nothing.
func (b *box) retentionOff() string {
	if text := b.problems.get(partEmptyRoot); text != "" {
		return text
	}
	if !b.ingest.Complete() {
		return "the recordings are still being compared with the catalogue, so nothing is deleted yet"
	}
	return ""
}

func (b *box) expire(ctx context.Context, clips []retain.Doomed) (int, error) {
	gone, err := b.remover.expire(ctx, clips)
	if gone > 0 {
		b.log.Info("clips deleted by retention", "clips", gone, "first", clips[0].Path, "reason", clips[0].Reason)
	}
	return gone, err
}

// loadRetention reads nothing where nothing was kept.
func (b *box) loadRetention() ([]byte, error) {
	name := filepath.Join(b.cfg.State, retentionFile)
	if fi, err := os.Stat(name); err == nil && fi.Size() > maxRetention {
		return nil, errors.New(name + " is too large")
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// confirmRetention is retention/confirm, over HTTP and from Home Assistant.
func (b *box) confirmRetention(ctx context.Context, token string) error {
	err := b.retainer.Confirm(ctx, token)
	if errors.Is(err, retain.ErrNotAsked) {
		return api.NewProblem(api.Conflict, "This is not what retention asks now", "Read /api/v1/retention again: asks has the question and its token.")
	}
	b.poke()
	return err
}

// retentionToken confirms what retention asks, "" where it asks nothing.
func (b *box) retentionToken() string {
	_, token := b.retainer.Asked()
	return token
}
