package link

import (
	"net/url"
	"testing"
	"time"
)

// FuzzCheck: only what was signed opens anything.
func FuzzCheck(f *testing.F) {
	b := &board{now: time.Unix(1_800_000_000, 0), synced: true, boot: "one"}
	s := New(key, b.clock())
	signed, _ := s.Sign(Clip, id, time.Hour)
	b.synced = false
	ofBoot, _ := s.Sign(Clip, id, time.Hour)
	b.synced = true
	for _, q := range []string{signed, ofBoot, "", "exp=1&sig=", "exp=9223372036854775807&sig=x", signed + "&sig=x", "exp=1.2.3&sig=x"} {
		f.Add(q)
	}
	good := map[[2]string]bool{}
	for _, q := range []string{signed, ofBoot} {
		v, err := url.ParseQuery(q)
		if err != nil {
			f.Fatal(err)
		}
		good[[2]string{v.Get("exp"), v.Get("sig")}] = true
	}
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if _, err := s.Check(Clip, id, v); err == nil && !good[[2]string{v.Get("exp"), v.Get("sig")}] {
			t.Errorf("%q opens the clip and was never signed", query)
		}
	})
}
