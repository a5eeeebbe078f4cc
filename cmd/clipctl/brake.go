package main

import (
	"context"

	"golang.org/x/time/rate"
)

// brake keeps all downloads of one command together below a rate. A nil brake lets everything pass. Safe for concurrent
// use.
type brake struct{ limit *rate.Limiter }

// newBrake allows perSecond bytes a second; 0 is unlimited.
func newBrake(perSecond int64) *brake {
	if perSecond == 0 {
		return nil
	}
	burst := int(min(max(perSecond/10, 4<<10), copyBuffer))
	return &brake{rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// wait blocks until n more bytes are within the rate, or ctx is done.
func (b *brake) wait(ctx context.Context, n int) error {
	if b == nil {
		return nil
	}
	for n > 0 {
		piece := min(n, b.limit.Burst())
		if err := b.limit.WaitN(ctx, piece); err != nil {
			return err
		}
		n -= piece
	}
	return nil
}
