package device

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"clipd/device/announce"
	"clipd/device/api"
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
	if err == nil {
		err = b.store.Apply(ctx, op)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return problemOf(err)
	}
	return err
}

// pushClip queues a clip for targets, with also in the same transaction. What waits already is left as it is.
func (b *box) pushClip(ctx context.Context, id store.ID, targets []string, url string, also ...store.Op) error {
	if url != "" {
		return api.NewProblem(api.NotAllowed, "This box does not push to that URL", "Add its scheme, host and port to push.allow.")
	}
	for _, name := range targets {
		also = append(also, store.Enqueue(store.Push{ID: id, Target: name}))
	}
	return b.store.Apply(ctx, also...)
}
