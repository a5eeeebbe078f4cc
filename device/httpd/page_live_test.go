package httpd

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// position is where the card of c begins in a page, or -1.
func position(text string, c store.Clip) int {
	return strings.Index(text, `data-id="`+c.ID.String()+`"`)
}

func TestWhatJustArrivedStandsFirst(t *testing.T) {
	b := newBox(t)
	recent := b.many(60, func(int) string { return "front" })
	b.must(b.store.Apply(context.Background(), store.Add(b.bare("front/scanned.mp4", start.AddDate(-3, 0, 0)), store.Scan)))
	old := b.bare("front/old.mp4", start.AddDate(-7, 0, 0))
	b.must(b.store.Apply(context.Background(), store.Add(old, store.Live)))
	text := b.page("/")
	apart, first := strings.Index(text, `data-day="arrived"`), position(text, recent[59])
	if at := position(text, old); at < 0 || apart < 0 || at < apart || at > first {
		t.Errorf("the clip of seven years ago is at %d, the arrivals at %d, the newest at %d", at, apart, first)
	}
	if strings.Count(text, old.ID.String()+`" data-size`) != 1 || strings.Contains(text, "scanned") {
		t.Error("a clip is shown twice, or one that a scan found counts as arrived")
	}
	if strings.Contains(b.page("/?camera=back"), old.ID.String()) || strings.Contains(b.page("/?day=2026-11-22"), old.ID.String()) {
		t.Error("it is shown under a filter that it does not match")
	}
	b.now.add(time.Hour)
	if text = b.page("/"); strings.Contains(text, `data-day="arrived"`) || strings.Contains(text, "data-new") {
		t.Error("an hour later it still counts as arrived")
	}
}

// bare is a clip without a file that began at at.
func (b *box) bare(path string, at time.Time) store.Clip {
	c := store.Clip{
		ID: store.MakeID(path, 1000, at), Path: path, Camera: "front", Size: 1000, Mtime: at, MediaType: "video/mp4",
		Start: at, StartSource: "mtime", Duration: time.Minute, Complete: true, BootID: "boot", ClockSynced: true,
	}
	return c
}

func TestThePageIsNarrowed(t *testing.T) {
	b := newBox(t)
	today, before := b.bare("front/a.mp4", start), b.bare("front/b.mp4", start.AddDate(0, 0, -1))
	b.must(b.store.Apply(context.Background(), store.Add(today, store.Scan), store.Add(before, store.Scan), store.Pin(before.ID, true)))
	for query, want := range map[string][2]bool{
		"":                              {true, true},
		"?day=2026-11-22":               {true, false},
		"?day=2026-11-21":               {false, true},
		"?pinned=true":                  {false, true},
		"?pinned=false":                 {true, false},
		"?day=2026-11-22&pinned=true":   {false, false},
		"?pushed=true":                  {false, false},
		"?pushed=false":                 {true, true},
		"?camera=&day=&pinned=&pushed=": {true, true}, // as the form sends it
		"?camera=back":                  {false, false},
	} {
		text := b.page("/" + query)
		if got := [2]bool{position(text, today) >= 0, position(text, before) >= 0}; got != want {
			t.Errorf("%q: today and the day before are shown: %v, want %v", query, got, want)
		}
	}
	b.ask(store.NoRole, "GET", "/?day=yesterday", "", "Cookie", b.signedIn(store.Viewer)).is(t, 400, "bad-request")
}

func TestTheRowOfDaysCounts(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Location = berlin(t) })
	late := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC) // the 21st in Berlin
	b.must(b.store.Apply(context.Background(), store.Add(b.bare("front/a.mp4", late), store.Scan)))
	text := b.page("/")
	if !strings.Contains(text, "Sat 21 November 2026, 1 clip") || !strings.Contains(text, "Fri 20 November 2026, 0 clips") {
		t.Errorf("the row of days is wrong: %s", text)
	}
	if n := strings.Count(text, "data-date="); n != stripDays {
		t.Errorf("%d days, want %d", n, stripDays)
	}
	if text = b.page("/?day=2019-05-05"); !strings.Contains(text, `data-date="2019-05-05" aria-current="date"`) {
		t.Error("a day of long ago is not in its row")
	}
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	where, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return where
}

func TestZonesAreTold(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if got := zones(now, time.UTC); got != "0:0" {
		t.Errorf("UTC: %s", got)
	}
	told := strings.Split(zones(now, berlin(t)), ",")
	if len(told) != zoneChanges {
		t.Fatalf("%d changes: %v", len(told), told)
	}
	for _, at := range []time.Time{now, now.AddDate(0, 6, 0), now.AddDate(-5, 3, 0)} {
		_, want := at.In(berlin(t)).Zone()
		if got := offsetAt(t, told, at); got != want {
			t.Errorf("%v: %d seconds, want %d", at, got, want)
		}
	}
}

// offsetAt reads zones as the page does.
func offsetAt(t testing.TB, told []string, at time.Time) int {
	t.Helper()
	for _, change := range told {
		begin, offset, _ := strings.Cut(change, ":")
		from, err := strconv.ParseInt(begin, 10, 64)
		seconds, err2 := strconv.Atoi(offset)
		if err != nil || err2 != nil {
			t.Fatalf("%q is no change", change)
		}
		if at.Unix() >= from {
			return seconds
		}
	}
	return 0
}

func TestTheRoleDecidesWhatIsOffered(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Targets = []string{"nas", "archive"} })
	c := b.clip("front/a.mp4", content(10))
	for role, want := range map[store.Role]bool{store.Viewer: false, store.Operator: true, store.Admin: true} {
		for _, path := range []string{"/", "/?clip=" + c.ID.String()} {
			text := string(b.ask(store.NoRole, "GET", path, "", "Cookie", b.signedIn(role), "Accept", "text/html").is(t, 200, "").body)
			for _, deed := range []string{"pin", "push", "delete"} {
				if got := strings.Contains(text, `data-do="`+deed+`"`); got != want {
					t.Errorf("%s as %v: %s is offered: %v", path, role, deed, got)
				}
			}
			if !strings.Contains(text, `data-role="`+role.String()+`"`) || !strings.Contains(text, "data-targets=\"nas\narchive\"") {
				t.Errorf("%s as %v: the scripts are told otherwise", path, role)
			}
		}
	}
}

func TestWhatBrowsersCannotPlayIsSaid(t *testing.T) {
	b := newBox(t)
	for kind, want := range map[string]string{
		"video/mp4 h264": "", "video/webm vp9": "", "image/jpeg mjpeg": "",
		"video/mp4 hevc": "--codec h264", "video/x-matroska h264": "movie_codec mp4", "video/h264 h264": "no browser opens",
		"video/x-msvideo mpeg4": "No browser opens AVI", "video/mp2t h264": "-f mp4", "video/x-motion-jpeg mjpeg": "Motion JPEG",
	} {
		media, codec, _ := strings.Cut(kind, " ")
		c := b.clip(strings.ReplaceAll(kind, "/", "-")+".x", content(10), func(c *store.Clip) { c.MediaType, c.VideoCodec = media, codec })
		text := b.page("/?clip=" + c.ID.String())
		if said := strings.Contains(text, "trouble"); said != (want != "") || !strings.Contains(text, want) {
			t.Errorf("%s: %q is not said, or something is: %s", kind, want, text)
		}
		if !strings.Contains(text, "?download=1") {
			t.Errorf("%s is not offered for download", kind)
		}
	}
}

func TestTheJournalGoesOnWhereThePageEnds(t *testing.T) {
	b := newBox(t)
	b.clip("front/a.mp4", content(10))
	_, last := b.store.Journal()
	if text := b.page("/"); !strings.Contains(text, `data-seq="`+strconv.FormatUint(last, 10)+`"`) {
		t.Errorf("the page does not say %d", last)
	}
}
