package sendfile

import (
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

// Config is what an Engine is told once. A zero value in any field means its default.
type Config struct {
	Loops        int   // threads that wait in epoll and move bytes; 1
	DiskWorkers  int   // at most so many moves wait for a disk at once; 4
	Slots        int   // connections lent to net/http at once; 64
	Starting     int   // of them lent less than a quarter of a second ago and not answered yet; 16
	MaxConns     int   // connections of all kinds; 8192 or twice MaxTransfers, but no more than RLIMIT_NOFILE allows
	MaxTransfers int   // transfers at once; 1024
	Copies       int   // of them those at once that a handler sends, each in a slot: TLS that Go encrypts; half of Slots
	Quantum      int64 // bytes moved for one transfer in one turn; 1 MiB
	Unsent       int   // bytes a socket takes beyond what TCP can send now, TCP_NOTSENT_LOWAT; 256 KiB
	HandOver     int64 // a body longer than this becomes a transfer, a shorter one is net/http's; 1 MiB

	TransferRate int64 // bytes per second of one transfer; 0 is unlimited
	TotalRate    int64 // bytes per second of all; 0 is unlimited

	HeaderTimeout time.Duration // from a request's first byte to the end of its header; 10 s
	IdleTimeout   time.Duration // a parked connection is closed after it; 60 s
	Grace         time.Duration // net/http may keep an idle connection so long before it is parked; 1 s
	StallAfter    time.Duration // no acknowledged byte for so long is a stall; 60 s
	DropAfter     time.Duration // a transfer stalled for so long ends; 10 min

	// Busy answers a request for which no transfer is to be had. Default: 503 with Retry-After, RFC 9110 §15.6.4.
	Busy http.HandlerFunc
}

// or returns def for a v that is not set.
func or[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func (c Config) withDefaults() Config {
	c.Loops = or(c.Loops, 1)
	c.DiskWorkers = or(c.DiskWorkers, 4)
	c.Slots = or(c.Slots, 64)
	c.Starting = or(c.Starting, 16)
	c.MaxTransfers = or(c.MaxTransfers, 1024)
	c.Copies = or(c.Copies, max(1, c.Slots/2))
	c.MaxConns = or(c.MaxConns, min(max(8192, 2*c.MaxTransfers), descriptors()))
	c.Quantum = or(c.Quantum, 1<<20)
	c.Unsent = or(c.Unsent, 256<<10)
	c.HandOver = or(c.HandOver, 1<<20)
	c.HeaderTimeout = or(c.HeaderTimeout, 10*time.Second)
	c.IdleTimeout = or(c.IdleTimeout, time.Minute)
	c.Grace = or(c.Grace, time.Second)
	c.StallAfter = or(c.StallAfter, time.Minute)
	c.DropAfter = or(c.DropAfter, 10*time.Minute)
	if c.Busy == nil {
		c.Busy = busy
	}
	return c
}

// descriptors is how many connections RLIMIT_NOFILE allows when a quarter is left to the rest of the process.
func descriptors() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil || lim.Cur > 1<<20 {
		return 1 << 20
	}
	return max(16, int(lim.Cur)*3/4)
}

// tick is how often deadlines are looked at.
func (c *Config) tick() time.Duration {
	shortest := min(c.HeaderTimeout, c.IdleTimeout, c.Grace, c.StallAfter)
	return min(time.Second, max(shortest/4, time.Millisecond))
}

func busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, "too many downloads at once, try again in a few seconds", http.StatusServiceUnavailable)
}
