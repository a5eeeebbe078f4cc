package retain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clipd/store"
)

// holders are those for whom clips are kept until they have them.
type holders struct {
	consumers []string // named and remembered
	targets   []string // named
	pushes    bool     // there are pushes to look at
}

// look reads who holds clips now. A name that is neither a target nor a consumer is a problem, and holds everything: a
// typing error must not delete what somebody waits for.
func (r *Retainer) look(now reading) (holders, error) {
	var h holders
	waiting, dead := r.Store.PushCounts()
	h.pushes = waiting+dead > 0
	if len(r.Rules.Undelivered) == 0 {
		return h, nil
	}
	known, err := r.Store.Consumers()
	if err != nil {
		return h, err
	}
	var unknown []string
	for _, name := range r.Rules.Undelivered {
		i := slices.IndexFunc(known, func(c store.Consumer) bool { return c.Name == name })
		switch {
		case slices.Contains(r.Targets, name):
			h.targets = append(h.targets, name)
		case i < 0:
			r.Problem("consumer/"+name, "")
			unknown = append(unknown, name)
			h.consumers = append(h.consumers, name)
		case !r.forgotten(known[i], now):
			h.consumers = append(h.consumers, name)
		}
	}
	r.sayUnknown(unknown)
	return h, nil
}

func (r *Retainer) sayUnknown(names []string) {
	text := ""
	if len(names) > 0 {
		text = fmt.Sprintf("keep.undelivered names %s, which is neither a target nor a consumer that has ever acknowledged a clip; "+
			"until it is one, clips are kept for it: correct the name, or let it fetch (clipctl pull --consumer)", strings.Join(names, ", "))
	}
	r.Problem("undelivered", text)
}

// forgotten reports whether a consumer has not been seen for so long that nothing is kept for it any more, and says so.
func (r *Retainer) forgotten(c store.Consumer, now reading) bool {
	gone := r.Rules.ForgetConsumer > 0 && now.trusted && now.now.Sub(c.Seen) > r.Rules.ForgetConsumer
	text := ""
	if gone {
		text = fmt.Sprintf("consumer %s has not been seen since %s: clips are no longer kept for it until it comes back",
			c.Name, c.Seen.UTC().Format(time.DateOnly))
	}
	r.Problem("consumer/"+c.Name, text)
	return gone
}

// heldBy returns for each clip who still waits for it, "" if nobody does.
func (r *Retainer) heldBy(h holders, clips []store.Clip) ([]string, error) {
	by := make([]string, len(clips))
	if !h.pushes && len(h.consumers) == 0 {
		return by, nil
	}
	ids := make([]store.ID, len(clips))
	for i := range clips {
		ids[i] = clips[i].ID
	}
	all, err := r.Store.Deliveries(ids)
	if err != nil {
		return nil, fmt.Errorf("read who has which clip: %w", err)
	}
	for i := range all {
		by[i] = h.of(&all[i])
	}
	return by, nil
}

// of returns the first who waits for a clip. A push that was given up holds it only for a target that is named.
func (h *holders) of(d *store.Delivery) string {
	for _, name := range h.consumers {
		if !slices.Contains(d.Acked, name) {
			return name
		}
	}
	for _, target := range d.Waiting {
		lane, _, _ := strings.Cut(target, "#") // what stands behind it tells free URLs apart, and is a secret's shadow
		return lane
	}
	for _, target := range d.Dead {
		if slices.Contains(h.targets, target) {
			return target
		}
	}
	return ""
}
