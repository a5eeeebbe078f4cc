package httpd

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often one may try to sign in: a few times at once, then one try in five seconds; and all together.
const (
	addressEvery = 5 * time.Second
	addressBurst = 5
	allPerSecond = 5
	allBurst     = 50
	maxAddresses = 1024
)

// attempts limits guessing, per address and in all. Timers are monotonic; the table is bounded. Safe for concurrent use.
type attempts struct {
	mu    sync.Mutex
	from  map[netip.Prefix]*rate.Limiter
	swept time.Time     // when idle addresses were last forgotten
	rest  *rate.Limiter // shared by the addresses the table has no place for
	all   *rate.Limiter
}

func newAttempts() *attempts {
	return &attempts{
		from: map[netip.Prefix]*rate.Limiter{},
		rest: newAddressLimiter(),
		all:  rate.NewLimiter(allPerSecond, allBurst),
	}
}

func newAddressLimiter() *rate.Limiter {
	return rate.NewLimiter(rate.Every(addressEvery), addressBurst)
}

// wait is 0 if remote may try now; else how long it should wait. An address that is refused costs the others nothing.
func (a *attempts) wait(remote string) time.Duration {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := take(a.limiter(remote, now), now); d > 0 {
		return d
	}
	return take(a.all, now)
}

func take(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// limiter finds the one of remote's address; a house has one IPv6 prefix of 64 bits.
func (a *attempts) limiter(remote string, now time.Time) *rate.Limiter {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return a.rest
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits)
	if l := a.from[p]; l != nil {
		return l
	}
	if len(a.from) >= maxAddresses && now.Sub(a.swept) > addressEvery {
		a.forgetIdle(now)
	}
	if len(a.from) >= maxAddresses {
		return a.rest
	}
	l := newAddressLimiter()
	a.from[p] = l
	return l
}

// forgetIdle drops the addresses that have all their tries back: a new limiter is the same.
func (a *attempts) forgetIdle(now time.Time) {
	a.swept = now
	for p, l := range a.from {
		if l.TokensAt(now) >= addressBurst {
			delete(a.from, p)
		}
	}
}
