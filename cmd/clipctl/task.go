package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// task brings one clip into the folder. Each step that is done stays done when the task is tried again.
type task struct {
	*puller
	*wanted
	buf []byte

	file   string // beneath the folder, with slashes; "" until a place is found
	landed bool   // it is there, whole and verified
	saved  saved
	load   download
}

// run blocks until the clip is in the ledger. What an error leaves behind is gone on with by the next task for the clip.
func (t *task) run(ctx context.Context) error {
	defer t.drop()
	if pulled, _ := t.dir.ledger.has(t.from.id, t.clip.ID, ""); pulled && !t.again {
		return t.retry(ctx, func() error { return t.acknowledge(ctx) }) // only that is missing
	}
	t.saved = saved{ID: t.clip.ID, Size: t.clip.Size, SHA256: t.clip.SHA256, Verified: t.clip.SHA256 != ""}
	err := t.retry(ctx, func() error { return t.step(ctx) })
	if isGone(err) {
		return errors.Join(err, t.discard())
	}
	if err != nil {
		return err
	}
	return t.report.pulled(t.saved)
}

// step goes on with what is not done yet. The ledger comes last: a crash before it costs a look at the file, no more.
func (t *task) step(ctx context.Context) error {
	if t.file == "" {
		if err := t.place(); err != nil {
			return err
		}
	}
	if !t.landed {
		if err := t.fetch(ctx); err != nil {
			return err
		}
	}
	return t.acknowledge(ctx)
}

// place finds where the clip goes: its own name or, where that is another's, the same with its id.
func (t *task) place() error {
	file := t.layout.file(t.wanted)
	for _, candidate := range []string{file, besides(file, t.clip.ID)} {
		if !t.dir.ledger.claim(candidate, t.from.id, t.clip.ID) {
			continue
		}
		free, err := t.free(candidate)
		if err != nil {
			return err
		}
		if free || t.landed {
			t.file, t.saved.File, t.saved.Already = candidate, t.dir.at(candidate), t.landed
			return nil
		}
	}
	return &fs.PathError{Op: "create", Path: t.dir.at(besides(file, t.clip.ID)), Err: fs.ErrExist}
}

// free tells whether the clip may be written as candidate. A file with the clip's own content there is the clip.
func (t *task) free(candidate string) (bool, error) {
	info, err := os.Lstat(t.dir.at(candidate))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if info.Mode().IsRegular() && info.Size() == t.clip.Size && t.clip.SHA256 != "" {
		look := download{clip: t.clip}
		if t.landed, err = look.same(t.dir.at(candidate)); err != nil || t.landed {
			return false, err
		}
	}
	pulled, _ := t.dir.ledger.has(t.from.id, t.clip.ID, "")
	return pulled && info.Mode().IsRegular(), nil // --again: it was this clip's before
}

// fetch brings the bytes, verifies them and gives the file its name.
func (t *task) fetch(ctx context.Context) error {
	if err := t.open(); err != nil {
		return err
	}
	if err := t.load.fill(ctx); err != nil {
		return err
	}
	if t.load.mtime.IsZero() {
		if err := t.load.ask(ctx); err != nil {
			return err
		}
	}
	t.saved.SHA256 = hex.EncodeToString(t.load.part.sum.Sum(nil))
	if err := makeFolders(filepath.Dir(t.saved.File), t.flush); err != nil {
		return err
	}
	if err := t.load.part.become(t.saved.File, t.load.mtime, t.flush); err != nil {
		return err
	}
	t.landed = true
	return nil
}

// open opens the part file, once.
func (t *task) open() error {
	if t.load.part != nil {
		return nil
	}
	if err := t.ceiling.reserve(t.clip.Size); err != nil {
		return err
	}
	part, err := openPart(t.dir.part(t.from.id, t.clip.ID), t.clip.Size)
	if err != nil {
		return err
	}
	t.saved.Resumed = part.have
	t.load = download{
		box: t.box, clip: t.clip, stall: stalled, brake: t.brake, buf: t.buf, part: part,
		bar: t.report.bar(filepath.Base(t.file), t.clip.Size), alive: t.patience.alive,
	}
	return nil
}

// acknowledge tells the box, if it is to be told, and then the ledger.
func (t *task) acknowledge(ctx context.Context) error {
	if t.ack != "" {
		if err := t.tell(ctx); err != nil {
			return fmt.Errorf("acknowledging it as %s: %w", t.ack, err)
		}
	}
	return t.dir.ledger.pulled(ledgerLine{Box: t.from.id, Clip: t.clip.ID, File: t.file, Size: t.clip.Size, SHA256: t.saved.SHA256, Ack: t.ack})
}

// tell posts the acknowledgement. A clip that is gone needs none.
func (t *task) tell(ctx context.Context) error {
	sum := t.saved.SHA256
	if sum == "" {
		sum = t.clip.SHA256
	}
	if t.from.box == nil {
		return usageError("--ack needs the box's --url and a token: a message cannot be answered")
	}
	err := t.from.box.send(ctx, http.MethodPost, "/api/v1/clips/"+url.PathEscape(t.clip.ID)+"/ack",
		map[string]string{"consumer": t.ack, "sha256": sum}, nil)
	if isGone(err) {
		return nil
	}
	return err
}

// discard removes what came of a clip that will never be whole.
func (t *task) discard() error {
	if t.load.part == nil {
		return nil
	}
	t.load.part.file.Close()
	return os.Remove(t.load.part.file.Name())
}

// drop lets go of what the task holds.
func (t *task) drop() {
	if t.load.part == nil {
		return
	}
	t.load.bar.done()
	t.load.part.file.Close()
	t.ceiling.release(t.clip.Size, t.landed)
}

// makeFolders makes dir and what it is in, and with flush puts each new one on disk.
func makeFolders(dir string, flush bool) error {
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeFolders(filepath.Dir(dir), flush); err == nil {
			err = os.Mkdir(dir, 0o777)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil || !flush {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}
