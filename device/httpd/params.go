package httpd

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How many rows an answer has, and is read at a time.
const (
	defaultLimit = 100
	maxLimit     = 1000
	pageRows     = 100
)

// params are the query parameters of one request. Reading one that is malformed keeps the first error.
type params struct {
	values url.Values
	zone   *time.Location
	err    error
}

// query reads the parameters of r; any but those known, and any given twice, is an error that names it.
func (s *Server) query(r *http.Request, known ...string) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values, zone: s.cfg.Location}
	if err != nil {
		p.fail("The query of the address is malformed", "Percent-encode what is not a letter or digit.")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name):
			p.fail("Unknown parameter "+strconv.Quote(name), "This address takes "+strings.Join(known, ", ")+".")
		case len(values[name]) > 1:
			p.fail(name+" is given more than once", "Give it once.")
		}
	}
	return p
}

func (p *params) fail(title, detail string) {
	if p.err == nil {
		p.err = badRequest(title, detail)
	}
}

func (p *params) text(name string) string { return p.values.Get(name) }

// number is between least and most, or missing.
func (p *params) number(name string, least, most, missing uint64) uint64 {
	if !p.values.Has(name) {
		return missing
	}
	n, err := strconv.ParseUint(p.text(name), 10, 64)
	if err != nil || n < least || n > most {
		p.fail(name+" is malformed", "Use a number from "+strconv.FormatUint(least, 10)+" to "+strconv.FormatUint(most, 10)+".")
	}
	return n
}

func (p *params) limit() int { return int(p.number("limit", 1, maxLimit, defaultLimit)) }

// flag is nil if it is missing.
func (p *params) flag(name string) *bool {
	if !p.values.Has(name) {
		return nil
	}
	v := p.text(name) == "true"
	if !v && p.text(name) != "false" {
		p.fail(name+" is malformed", "Use true or false.")
	}
	return &v
}

// choice is one of words, the first if it is missing.
func (p *params) choice(name string, words ...string) string {
	if !p.values.Has(name) {
		return words[0]
	}
	if !slices.Contains(words, p.text(name)) {
		p.fail(name+" is malformed", "Use "+strings.Join(words, " or ")+".")
	}
	return p.text(name)
}

// time is the zero Time if it is missing. A date is its midnight where the box is.
func (p *params) time(name string) time.Time {
	if !p.values.Has(name) {
		return time.Time{}
	}
	if t, err := time.Parse(time.RFC3339, p.text(name)); err == nil {
		return t
	}
	t, err := time.ParseInLocation(time.DateOnly, p.text(name), p.zone)
	if err != nil {
		p.fail(name+" is malformed", "Use a time such as 2026-11-22T07:55:01Z (+ is written %2B in an address) or a date such as 2026-11-22.")
	}
	return t
}

// span reads from and to, which must not be the wrong way round.
func (p *params) span() (from, to time.Time) {
	from, to = p.time("from"), p.time("to")
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		p.fail("to is before from", "Swap them.")
	}
	return from, to
}

// duration is missing if it is not given.
func (p *params) duration(name string, missing time.Duration) time.Duration {
	if !p.values.Has(name) {
		return missing
	}
	d, err := parseDuration(p.text(name))
	if err != nil || d <= 0 {
		p.fail(name+" is malformed", `Use seconds or a duration such as "90s", "1h" or "7d".`)
	}
	return d
}

// parseDuration reads seconds, days ("7d") and what time.ParseDuration reads.
func parseDuration(text string) (time.Duration, error) {
	number, unit := text, time.Second
	if days, ok := strings.CutSuffix(text, "d"); ok {
		number, unit = days, 24*time.Hour
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return time.ParseDuration(text)
	}
	if n < 0 || n > int64(1<<63-1)/int64(unit) {
		return 0, errors.New("out of range")
	}
	return time.Duration(n) * unit, nil
}
