package retain

import (
	"slices"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// most is how many clips the dry run tells, and looks at of each camera.
const most = 100

// Report is the body of /api/v1/retention: the rules, and a dry run of what goes next.
func (r *Retainer) Report() (api.Retention, error) {
	f, err := r.Forecast()
	if err != nil {
		f = Forecast{} // the root is away: Off says so
	}
	rate, err := r.rate()
	if err != nil {
		return api.Retention{}, err
	}
	clips, err := r.oldest(most)
	if err != nil {
		return api.Retention{}, err
	}
	off := r.whyOff()
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.keep
	out := api.Retention{Rules: r.rules(), Next: []api.Expiry{}, Held: []api.Held{}, Off: off}
	out.DaysLeft, out.FullAt = f.DaysLeft(), api.Time{Time: f.FullAt}
	if k.ask != nil {
		out.Asks = &api.RetentionAsk{Clips: k.ask.clips, Bytes: k.ask.bytes, Reason: k.ask.reason, Text: k.ask.text, Token: k.ask.token}
	}
	if k.last.Clips > 0 {
		out.Last = &api.RetentionLast{Time: api.Time{Time: k.last.Time}, Clips: k.last.Clips, Bytes: k.last.Bytes}
	}
	if off == "" && r.ages() && !k.now.trusted {
		out.Off = "the clock is not trusted yet, so nothing is deleted by its age"
	}
	return out, r.dryRun(&out, clips, rate)
}

// dryRun tells which of the clips go next, and who holds some of those that would.
func (r *Retainer) dryRun(out *api.Retention, clips []store.Clip, rate float64) error {
	by, err := r.heldBy(r.keep.holders, clips)
	if err != nil {
		return err
	}
	sums := map[string]*api.Held{}
	var free []store.Clip
	for i, c := range clips {
		if by[i] == "" {
			free = append(free, c)
			continue
		}
		h := sums[by[i]]
		if h == nil {
			h = &api.Held{By: by[i]}
			sums[by[i]] = h
		}
		h.Clips++
		h.Bytes += c.Size
	}
	for _, h := range sums {
		out.Held = append(out.Held, *h)
	}
	slices.SortFunc(out.Held, func(a, b api.Held) int { return strings.Compare(a.By, b.By) })
	if r.Rules.set() {
		out.Next = r.next(free, rate)
	}
	return nil
}

// next sorts clips by when they go, and why.
func (r *Retainer) next(clips []store.Clip, rate float64) []api.Expiry {
	slices.SortFunc(clips, func(a, b store.Clip) int { return a.Start.Compare(b.Start) })
	now := r.Clock.Now()
	rules := r.rulesOfSpace()
	before := make([]int64, len(rules))
	all := []api.Expiry{}
	for i := range clips {
		c := &clips[i]
		at, reason := r.goesByAge(c)
		for j := range rules {
			b := &rules[j]
			if b.scope.rule == byQuota && r.Rules.class(c) != b.scope.class {
				continue
			}
			if t, ok := spaceAt(b, before[j], rate, now); ok && (at.IsZero() || t.Before(at)) {
				at, reason = t, b.reason
			}
			before[j] += c.Size
		}
		if reason != "" {
			all = append(all, expiry(c, reason, at))
		}
	}
	slices.SortStableFunc(all, func(a, b api.Expiry) int { return a.At.Compare(b.At.Time) })
	return all[:min(len(all), most)]
}

// goesByAge is when c will have become too old, zero if it never does.
func (r *Retainer) goesByAge(c *store.Clip) (at time.Time, reason string) {
	start, ok := r.keep.time.start(c)
	age := r.Rules.age(r.Rules.class(c))
	if !ok || age == 0 {
		return at, ""
	}
	at = start.Add(age)
	return at, r.dueAt(at.Add(1))(c)
}

func expiry(c *store.Clip, reason string, at time.Time) api.Expiry {
	t := api.FromClip(*c)
	return api.Expiry{ID: t.ID, Camera: t.Camera, Path: t.Path, Size: t.Size, Start: t.Start, Reason: reason, At: api.Time{Time: at}}
}

// rules are the rules as they travel.
func (r *Retainer) rules() api.RetentionRules {
	out := api.RetentionRules{
		Age: r.Rules.Age.Seconds(), Size: r.Rules.Size, Free: r.Rules.floor(r.keep.space.total), Partial: r.Rules.partialAge().Seconds(),
		Classes: []api.RetentionClass{}, Undelivered: append([]string{}, r.Rules.Undelivered...),
		ForgetConsumer: r.Rules.ForgetConsumer.Seconds(), LastResort: r.Rules.LastResort,
	}
	for i, c := range r.Rules.Classes {
		k := api.RetentionClass{Name: c.Name, Camera: c.Camera, Age: c.Age.Seconds(), Size: c.Size}
		if r.keep.tally.counted {
			n := r.keep.tally.sum(i)
			k.Clips, k.Bytes = n.clips, n.bytes
		}
		out.Classes = append(out.Classes, k)
	}
	return out
}
