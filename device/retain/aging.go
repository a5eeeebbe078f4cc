package retain

import (
	"fmt"
	"time"

	"clipd/store"
)

const (
	// ageEvery is how often clips that have become due are looked for; a look that takes long is taken less often.
	ageEvery = time.Minute
	// looking is the share of time that looking may take: one part in so many.
	looking     = 100
	overduePage = 500 // clips that are read at once to be counted
)

// aging is one age pass: what is due at one instant goes, camera after camera.
type aging struct {
	now     time.Time
	queries []store.Query // what may be due of each camera
	walk    walk
}

// ages reports whether any rule is about age.
func (r *Retainer) ages() bool { return r.Rules.Age > 0 || len(r.Rules.ages()) > 0 }

// beginAging starts an age pass, unless it is too soon, the time is not known, or the pass would delete so much that
// people are asked.
func (r *Retainer) beginAging() error {
	k := &r.keep
	if k.aging != nil || !k.now.trusted || !r.ages() || time.Now().Before(k.nextAge) {
		return nil
	}
	began := time.Now()
	at, err := r.allowed()
	k.nextAge = time.Now().Add(max(ageEvery, looking*time.Since(began)))
	if err != nil || at.IsZero() {
		return err
	}
	queries, err := r.mayBeDue(at)
	k.aging = &aging{now: at, queries: queries}
	return err
}

// mayBeDue is one query for each camera, of the clips that are older than its shortest age.
func (r *Retainer) mayBeDue(now time.Time) (queries []store.Query, err error) {
	cameras, err := r.Store.Cameras()
	for _, c := range cameras {
		if age := r.keep.tally.shortest(c.Name); age > 0 && c.Clips > 0 {
			queries = append(queries, store.Query{Camera: c.Name, To: now.Add(-age)})
		}
	}
	return queries, err
}

// aged returns the next clips that the age pass deletes; nothing when it has ended.
func (r *Retainer) aged() ([]Doomed, error) {
	a := r.keep.aging
	for a != nil && len(a.queries) > 0 {
		doomed, err := r.step(&a.walk, a.queries[0], ordinary, r.dueAt(a.now))
		if err != nil || len(doomed) > 0 {
			return doomed, err
		}
		a.queries, a.walk = a.queries[1:], walk{}
	}
	r.keep.aging = nil
	return nil, nil
}

// dueAt returns the function that tells the reason for which a clip goes by its age, "" if it stays.
func (r *Retainer) dueAt(now time.Time) func(*store.Clip) string {
	return func(c *store.Clip) string {
		class := r.Rules.class(c)
		age := r.Rules.age(class)
		start, ok := r.keep.time.start(c)
		switch {
		case age == 0 || !ok || now.Sub(start) <= age:
			return ""
		case class < len(r.Rules.Classes) && r.Rules.Classes[class].Age > 0:
			return fmt.Sprintf("older than %s, the age of keep.class %s", length(age), r.Rules.name(class))
		}
		return fmt.Sprintf("older than %s, keep.age", length(age))
	}
}

// length writes a length of time as people do in the configuration.
func length(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// overdue counts the clips that an age pass at now would delete. It stops early above most (0: never).
func (r *Retainer) overdue(now time.Time, most int) (n count, err error) {
	queries, err := r.mayBeDue(now)
	no := false
	for i := 0; err == nil && i < len(queries); i++ {
		q := queries[i]
		q.Pinned, q.Order, q.Limit = &no, store.OldestFirst, overduePage
		for more := true; more && err == nil && (most == 0 || n.clips <= most); more = q.Cursor != "" {
			err = r.countPage(&q, now, &n)
		}
	}
	return n, err
}

func (r *Retainer) countPage(q *store.Query, now time.Time, n *count) error {
	page, err := r.Store.List(*q)
	if err != nil {
		return err
	}
	doomed, err := r.among(page.Clips, ordinary, r.dueAt(now))
	for i := range doomed {
		n.clips++
		n.bytes += doomed[i].Size
	}
	q.Cursor = page.Next
	return err
}
