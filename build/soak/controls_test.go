package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// controlCuts is after how many cuts a box must have announced everything: only then it is noticed that it forgot to.
const controlCuts = 8

// controls are clipds with one promise taken out: what the campaign must find.
var controls = []variant{
	{"NoSync", []edit{
		{"store/open.go", "db.AllocSize = allocSize\n", "db.AllocSize = allocSize\n\tdb.NoSync = true\n"},
	}},
	{"no folder fsync", []edit{
		{"device/root/remove.go", "return 0, unix.Fsync(fd)", "return 0, nil"},
		{"store/file.go", "errors.Join(d.Sync(), d.Close())", "errors.Join(nil, d.Close())"},
	}},
	{"cursor before PUBACK", []edit{
		{"device/announce/session.go", "s.announce(i.event, i.from, s.many(i.event.Seq), func() { s.cursor.move(i.passes) })",
			"s.cursor.move(i.passes)\n\ts.announce(i.event, i.from, s.many(i.event.Seq), func() {})"},
	}},
}

// Each broken program is found out by power cuts.
func TestControls(t *testing.T) {
	for _, control := range controls {
		t.Run(control.name, func(t *testing.T) {
			c := newCampaign(t, "mkfs.ext4", "mosquitto", "mosquitto_sub", "stdbuf")
			need(t, mayMount(t))
			var err error
			if c.program, err = control.build(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			c.until, c.tell = time.Now().Add(ciTime), 10*time.Second
			for err == nil && len(c.wrong) == 0 && !c.over() {
				err = c.lanes(t.Context(), lanesAtOnce, func(ctx context.Context, c *campaign) error {
					return c.powerCuts(ctx, controlCuts, false)
				})
			}
			if err == nil && len(c.wrong) == 0 {
				t.Errorf("%d power cuts found nothing wrong with it: the test tests nothing", c.figures.cuts)
			}
			t.Logf("found out after %d cuts: %v %v", c.figures.cuts, err, strings.Join(c.wrong, "; "))
		})
	}
}
