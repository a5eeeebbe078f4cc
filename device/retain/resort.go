package retain

import (
	"fmt"
	"strings"
	"time"
)

const (
	keyResort  = "last-resort"
	keyCrowded = "retention-space"
	// resortFor is how long people are told of a last resort after it ended.
	resortFor = 24 * time.Hour
)

// resort is what was deleted although somebody waited for it, lately.
type resort struct {
	clips int
	bytes int64
	at    time.Time // monotonic
}

// noteResort says loudly that clips went which somebody still waited for.
func (r *Retainer) noteResort(b batch) {
	k := &r.keep
	before := k.resort.clips
	for i := range b.doomed {
		if d := &b.doomed[i]; strings.Contains(d.Reason, lastResort) {
			k.resort.clips++
			k.resort.bytes += d.Size
			k.resort.at = time.Now()
		}
	}
	if k.resort.clips > before {
		r.Problem(keyResort, fmt.Sprintf("%d clips (%s) were deleted although somebody still waited for them, since space could not be "+
			"kept otherwise: look whether the consumers and targets of keep.undelivered are well, or give the recordings more room; "+
			"keep.last_resort = false keeps such clips and lets the disk fill", k.resort.clips, bytesText(k.resort.bytes)))
	}
}

// lastResort stands in the reason of each clip that went as one.
const lastResort = ", as a last resort: "

// sayCrowded says whether a rule about space is broken though nothing more may go.
func (r *Retainer) sayCrowded(all []broken) {
	k := &r.keep
	text := ""
	for i := range all {
		if b := &all[i]; b.over > 0 && !b.waits {
			text = fmt.Sprintf("%s, and nothing may go: what is left is pinned, waited for, or no clip; unpin clips, or give the recordings more room", b.reason)
		}
	}
	r.Problem(keyCrowded, text)
	if k.resort.clips > 0 && time.Since(k.resort.at) > resortFor {
		k.resort = resort{}
		r.Problem(keyResort, "")
	}
}
