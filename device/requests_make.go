package device

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"clipd/device/announce"
	"clipd/device/api"
	"clipd/device/push"
	"clipd/store"
)

// newRequests makes the box's table. It needs the other parts only once something is asked.
func (b *box) newRequests() *requests {
	return &requests{
		store: b.store, links: b.links, clock: b.clock, zone: b.cfg.location(), linkTTL: time.Duration(b.cfg.MQTT.LinkTTL),
		log: b.log, version: b.version, status: b.status, rescan: func() { b.ingest.Rescan("asked over MQTT") },
		replay: func(from uint64, limit int, first func(announce.Replayed) error) (bool, error) {
			return b.announce.Replay(from, limit, first)
		},
		remove: b.removeClip, targets: b.targetsOf, push: b.pushClip,
		verbs: verbTable(), queue: make(chan announce.Ask, maxQueued),
	}
}

// removeClip deletes a clip because somebody wants it, unless it is still to be pushed.
func (b *box) removeClip(ctx context.Context, id store.ID, reason string, also ...store.Op) error {
	pushes, err := b.store.PushesOf(id)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(pushes, func(p store.Push) bool { return !p.Dead }); i >= 0 {
		return api.NewProblem(api.Conflict, "This clip is still to be pushed to "+pushes[i].Lane(), "Delete it when it has arrived.")
	}
	return b.remover.remove(ctx, id, reason, also...)
}

// targetsOf are the targets of a push: the one named, all where none is, none where it goes to a URL.
func (b *box) targetsOf(target, url string) ([]string, error) {
	switch _, known := b.cfg.Targets[target]; {
	case target != "" && url != "":
		return nil, invalid("target and url do not go together", "Name one of them.")
	case url != "":
		return nil, nil
	case known:
		return []string{target}, nil
	case target != "":
		return nil, api.NewProblem(api.NotFound, "There is no target "+target, "Targets are named in the configuration: [target."+target+"].")
	case len(b.cfg.Targets) == 0:
		return nil, api.NewProblem(api.Conflict, "This box has no target to push to", "Add a [target.NAME] to its configuration, or name a url.")
	}
	return slices.Sorted(maps.Keys(b.cfg.Targets)), nil
}

// ackClip is ack over HTTP.
func (b *box) ackClip(ctx context.Context, consumer string, id store.ID, sum string) error {
	c, _, err := b.store.Clip(id)
	if err != nil {
		return err
	}
	op, err := ackOp(consumer, c, sum)
	if err != nil {
		return err
	}
	return b.store.Apply(ctx, op)
}

// pushClip queues a clip for targets, or for a URL where there are none, with also in the same transaction. What waits
// already is left as it is.
func (b *box) pushClip(ctx context.Context, id store.ID, targets []string, url string, also ...store.Op) (err error) {
	if len(targets) == 0 {
		err = b.pusher.PushURL(ctx, id, url, also...)
	} else {
		for _, name := range targets[1:] {
			also = append(also, store.Enqueue(store.Push{ID: id, Target: name}))
		}
		err = b.pusher.Push(ctx, id, targets[0], also...)
	}
	switch {
	case errors.Is(err, push.ErrNotAllowed):
		return api.NewProblem(api.NotAllowed, "This box does not push to that URL", "Add its scheme, host and port to push.allow.")
	case errors.Is(err, push.ErrBadURL):
		return invalid("url is malformed", "It must be http:// or https:// with a host, without user name and fragment.")
	}
	return err
}

// pushOverHTTP is push over HTTP.
func (b *box) pushOverHTTP(ctx context.Context, id store.ID, target, url string) ([]string, error) {
	names, err := b.targetsOf(target, url)
	if err != nil {
		return nil, err
	}
	return names, b.pushClip(ctx, id, names, url)
}

// setPushing turns pushes on or off and says so in the log.
func (b *box) setPushing(on bool) error {
	if err := b.pusher.SetEnabled(on); err != nil {
		return err
	}
	b.log.Info("pushes switched", "on", on)
	return nil
}
