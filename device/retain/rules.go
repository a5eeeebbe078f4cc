package retain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"clipd/store"
)

// Rules say which clips may go. The zero Rules let none go.
type Rules struct {
	Age            time.Duration // of clips in classes without an age of their own; 0: no rule
	Size           int64         // bytes of all clips and partial files; 0: no rule
	Free           int64         // floor of free bytes; 0: no rule
	FreePercent    float64       // floor in percent of the file system; 0: Free counts
	Partial        time.Duration // age of partial files; 0: Age, or DefaultPartial where only space is ruled
	Classes        []Class       // the first that fits counts
	Undelivered    []string      // consumers and targets whose clips wait for them
	ForgetConsumer time.Duration // a consumer not seen for so long holds nothing; 0: it holds for ever
	LastResort     bool          // held clips go where space cannot be kept otherwise
}

// Class is a set of clips with rules of its own.
type Class struct {
	Name   string                 // what people wrote, for messages
	Camera string                 // "" for any
	Match  func(path string) bool // nil for any
	Age    time.Duration          // 0: Rules.Age
	Size   int64                  // quota in bytes; 0: no rule
}

// DefaultPartial is the age of partial files where no other was set: long enough to mend a recording by hand.
const DefaultPartial = 14 * 24 * time.Hour

// defaultClass is what messages call the clips no class matches.
const defaultClass = "others"

// set reports whether there is any rule.
func (r *Rules) set() bool {
	return r.Age > 0 || r.space() || len(r.ages()) > 0
}

// space reports whether there is a rule about space.
func (r *Rules) space() bool {
	if r.Size > 0 || r.Free > 0 || r.FreePercent > 0 {
		return true
	}
	for _, c := range r.Classes {
		if c.Size > 0 {
			return true
		}
	}
	return false
}

// ages are the ages that classes have of their own.
func (r *Rules) ages() (ages []time.Duration) {
	for _, c := range r.Classes {
		if c.Age > 0 {
			ages = append(ages, c.Age)
		}
	}
	return ages
}

// class is the index of the class c is in; the default class is the last one, len(r.Classes).
func (r *Rules) class(c *store.Clip) int {
	for i, k := range r.Classes {
		if (k.Camera == "" || k.Camera == c.Camera) && (k.Match == nil || k.Match(c.Path)) {
			return i
		}
	}
	return len(r.Classes)
}

// age is how old clips of a class may grow; 0: for ever.
func (r *Rules) age(class int) time.Duration {
	if class < len(r.Classes) && r.Classes[class].Age > 0 {
		return r.Classes[class].Age
	}
	return r.Age
}

func (r *Rules) name(class int) string {
	if class < len(r.Classes) {
		return r.Classes[class].Name
	}
	return defaultClass
}

// partialAge is how old partial files may grow; 0: for ever.
func (r *Rules) partialAge() time.Duration {
	switch {
	case r.Partial > 0:
		return r.Partial
	case r.Age > 0:
		return r.Age
	case r.space():
		return DefaultPartial
	}
	return 0
}

// floor is how many bytes of a file system of total bytes must stay free.
func (r *Rules) floor(total int64) int64 {
	if r.FreePercent > 0 {
		return int64(float64(total) / 100 * r.FreePercent)
	}
	return r.Free
}

// print tells rules about age apart: what changes it may make many clips due at once.
func (r *Rules) print() string {
	h := sha256.New()
	fmt.Fprintln(h, r.Age)
	for _, c := range r.Classes {
		fmt.Fprintf(h, "%q %q %v\n", c.Name, c.Camera, c.Age)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// slack is how far below a limit (or above a floor) a pass goes on, so that it does not run for each clip: a tenth at
// most, and no more than what a few clips need.
func slack(limit int64) int64 { return min(limit/10, 256<<20) }
