package poster

import (
	"context"
	"slices"

	"clipd/store"
)

const (
	maxWaiting = 128 // ids in a queue
	batch      = 100 // rows read at once
)

// A queue is a few ids that wait; where there are too many, the one that has waited longest is left out.
type queue []store.ID

func (q *queue) put(id store.ID) {
	if slices.Contains(*q, id) {
		return
	}
	if len(*q) == maxWaiting {
		*q = slices.Delete(*q, 0, 1)
	}
	*q = append(*q, id)
}

func (q *queue) take(i int) store.ID {
	id := (*q)[i]
	*q = slices.Delete(*q, i, i+1)
	return id
}

// next is the clip whose poster is made next; false if there is none to make now.
func (m *Maker) next(ctx context.Context) (store.ID, bool, error) {
	m.mu.Lock()
	if m.calm {
		m.calm, m.backlog = false, backlog{more: true}
	}
	switch {
	case len(m.asked) > 0:
		defer m.mu.Unlock()
		return m.asked.take(0), true, nil
	case len(m.fresh) > 0:
		defer m.mu.Unlock()
		return m.fresh.take(len(m.fresh) - 1), true, nil
	}
	m.mu.Unlock()
	return m.nextOld(ctx)
}

// backlog is a walk through all clips, newest first. Before it, posters are dropped whose clips are gone.
type backlog struct {
	more   bool
	pruned bool
	cursor string
	page   []store.ID
}

func (m *Maker) nextOld(ctx context.Context) (store.ID, bool, error) {
	b := &m.backlog
	for b.more && len(b.page) == 0 {
		if err := m.turnPage(ctx); err != nil {
			return store.ID{}, false, err
		}
	}
	if len(b.page) == 0 {
		return store.ID{}, false, nil
	}
	id := b.page[0]
	b.page = b.page[1:]
	return id, true, nil
}

// turnPage reads the next clips of the backlog. It never drives out another poster: where the cache is full, it ends.
func (m *Maker) turnPage(ctx context.Context) error {
	b := &m.backlog
	if !b.pruned {
		b.pruned = true
		return m.prune(ctx)
	}
	if ctx.Err() != nil || m.cache.fits(m.bounds.picture, m.bounds.cache) > 0 {
		*b = backlog{}
		return ctx.Err()
	}
	page, err := m.Store.List(store.Query{Limit: batch, Cursor: b.cursor})
	if err != nil {
		return err
	}
	for i := range page.Clips {
		if m.wants(&page.Clips[i]) {
			b.page = append(b.page, page.Clips[i].ID)
		}
	}
	b.cursor, b.more = page.Next, page.Next != ""
	return nil
}

// wants reports whether c has a picture that is not made yet.
func (m *Maker) wants(c *store.Clip) bool {
	switch {
	case c.Poster == store.MadePoster:
		return !m.cache.has(c.ID)
	case c.Poster != "" || m.tries.failed(c.ID):
		return false
	case c.MediaType == jpegType:
		return true
	}
	return c.VideoCodec != "" && len(m.Command) > 0
}

// follow reads what happened since the last turn.
func (m *Maker) follow(ctx context.Context) error {
	for {
		events, gap, err := m.Store.Events(m.seq, batch)
		if err != nil {
			return err
		}
		if gap {
			m.Calm()
		}
		for i := range events {
			if err := m.hear(ctx, &events[i]); err != nil {
				return err
			}
			m.seq = events[i].Seq
		}
		if len(events) < batch {
			return nil
		}
	}
}

func (m *Maker) hear(ctx context.Context, e *store.Event) error {
	switch {
	case e.Type == store.ClipRemoved:
		return m.drop(ctx, e.Clip.ID)
	case e.Type == store.ClipAdded && e.Origin == store.Live && m.wants(&e.Clip):
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fresh.put(e.Clip.ID)
	}
	return nil
}
