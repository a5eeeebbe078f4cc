package announce

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the time between two sessions: it doubles from least to most, and each pause is 50 to 100 % of it, so that
// the boxes of a house do not come back in step.
type backoff struct {
	least, most, next time.Duration
}

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) pause() time.Duration {
	b.next = min(max(2*b.next, b.least), b.most)
	return b.next/2 + rand.N(b.next/2+1)
}

// sleep blocks for d or until ctx is done, giving signs of life.
func (a *Announcer) sleep(ctx context.Context, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	beat := time.NewTicker(a.limits.beat)
	defer beat.Stop()
	for {
		a.beat.Add(1)
		select {
		case <-end.C:
			return
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}
