package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"clipd/store"
)

// startTasks starts the parts in the order of doc.go; they stop in the reverse order.
func (b *box) startTasks(n notify, reload <-chan os.Signal) *tasks {
	t := newTasks()
	t.start("catalogue", b.store.Wait)
	t.start("recordings folder", b.root.Run)
	t.start("storage", b.watchStorage)
	t.start("room", b.watchRoom)
	t.start("clock", b.watchClock)
	if b.broker != nil {
		t.start("embedded broker", b.broker.Run)
	}
	if b.announce != nil {
		t.start("announcer", b.announce.Run)
		t.start("requests", b.requests.run)
	}
	t.start("pushes", b.pusher.Run)
	t.start("posters", b.posters.Run)
	t.start("ingest", b.ingest.Run)
	t.start("retention", b.retainer.Run)
	t.start("http", func(ctx context.Context) error { return b.httpd.Serve(ctx, b.listener, b.listenerTLS) })
	t.start("mdns", b.tellNetwork)
	if b.certificate != nil {
		t.start("certificate", b.certificate.Run)
	}
	t.start("reload", func(ctx context.Context) error { return b.reload(ctx, reload) })
	t.start("settings", b.watchSettings)
	t.start("update", b.watchUpdates)
	t.start("memory", func(ctx context.Context) error { return rest(ctx, b.calm, giveBack) })
	t.start("watchdog", func(ctx context.Context) error { return n.watchdog(ctx, b.stuck) })
	return t
}

// sayReady waits for the watches, which also a missing root ends, and tells systemd and people.
func (b *box) sayReady(ctx context.Context, n notify) {
	select {
	case <-ctx.Done():
		return
	case <-b.ingest.Ready():
	}
	unmapProgram()
	n.say(daemon.SdNotifyReady)
	b.tellSystem()
	b.log.Info("ready", "url", b.baseURL(nil), "recordings", b.cfg.Root, "broker", b.cfg.MQTT.Broker,
		"version", b.version, "took", time.Since(b.started).Round(time.Millisecond))
}

// saySignIn prints a link that signs the first person in, as long as nobody has a token but the first admin.
func (b *box) saySignIn() {
	if len(b.tokens.List()) != 1 || b.tokens.List()[0].Name != store.FirstAdmin {
		return
	}
	code, err := b.tokens.SignIn(store.FirstAdmin, signInFor)
	if err != nil {
		b.log.Error("no sign-in link could be made", "error", err)
		return
	}
	b.log.Info("open this link once to sign in", "link", fmt.Sprintf("%s/login?token=%s", b.baseURL(nil), code), "good_for", signInFor)
}

// reload reads again, on SIGHUP, what people may have changed. What cannot be read stays as it is. Other settings begin
// another life.
func (b *box) reload(ctx context.Context, reload <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
		}
		changed, err := b.settings.reread(b.targetsChanged())
		if err = errors.Join(b.tokens.Reload(), b.reloadCertificate(), err); err != nil {
			b.log.Error("not everything could be read again; what was not stays as it is", "error", err)
			continue
		}
		b.log.Info("tokens, certificate and configuration read again", "changed", changed)
	}
}

// watchStorage turns what the root reports into a problem and journal rows, once each.
func (b *box) watchStorage(ctx context.Context) error {
	for {
		changed := b.root.Changed()
		if err := b.noteStorage(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-b.emptied:
		}
	}
}

const (
	partStorage   = "storage"
	partEmptyRoot = "empty-root" // ingest's: no file where the catalogue has some
)

func (b *box) noteStorage(ctx context.Context) error {
	before, now := b.problems.get(partStorage), b.root.State().Problem
	if now == "" {
		now = b.problems.get(partEmptyRoot)
	}
	if before == now {
		return nil
	}
	b.problems.set(partStorage, now)
	e := store.Event{Type: store.StorageOK}
	if now != "" {
		e = store.Event{Type: store.StorageProblem, Reason: now}
	}
	// The problem stands in the status already: a journal that cannot commit must not hide it.
	if err := b.store.Apply(ctx, store.Note(e)); err != nil && ctx.Err() == nil {
		b.log.Error("the journal could not note a storage event", "event", e.Type, "error", err)
	}
	if now == "" {
		return b.remover.resume(ctx)
	}
	return nil
}
