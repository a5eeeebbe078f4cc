package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestTimeline: any time of a month is two clicks away; zooming in leads to the very second; keys do the same.
func TestTimeline(t *testing.T) {
	b := newBox(t)
	noon := time.Now().Truncate(24*time.Hour).AddDate(0, 0, -20).Add(12 * time.Hour)
	for i := range 6 {
		b.record(fmt.Sprintf("cam%d/%d.mp4", i%2, i), noon.AddDate(0, 0, 3*i))
	}
	clips := b.listed(6) // the newest first; ones of noon are every third day
	tab := b.newTab()
	tab.do(chromedp.EmulateViewport(1200, 900))
	tab.signIn("viewer")
	third := clips[3]

	// One click for the day, one for the time of day.
	tab.click(`.strip a[data-date="` + third.Start.Local().Format(time.DateOnly) + `"]`)
	tab.wait(`document.querySelectorAll(".card").length === 1`)
	tab.strike(third, 0.6)
	tab.plays(third)

	// Into it, to the second: the window shrinks around the clip that is played.
	for range 20 {
		tab.click(`clip-timeline [aria-label="Zoom in"]`)
	}
	tab.strike(third, 0.5)
	tab.wait(video + `.currentTime > 4 && location.hash.startsWith("#t=")`)

	// By keys: the beginning of the month, whose nearest clip is the first one; and the next one after that.
	tab.click(`clip-timeline [aria-label="Show a month"]`)
	tab.eval(`document.querySelector("clip-timeline canvas").focus()`, nil)
	tab.press(kb.Home)
	tab.press(kb.Enter)
	tab.plays(clips[5])
	tab.press("n")
	tab.plays(clips[4])
	tab.asksForCounts()
}

// asksForCounts fails the test if a page asked for clips of all times, or never for counts.
func (t *tab) asksForCounts() {
	t.t.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := 0
	for _, s := range t.sent {
		if strings.Contains(s.url, "/api/v1/timeline?") {
			counts++
		}
		if strings.Contains(s.url, "/api/v1/clips?") && !strings.Contains(s.url, "limit=1&") && !strings.HasSuffix(s.url, "limit=1") &&
			!(strings.Contains(s.url, "from=") && strings.Contains(s.url, "to=")) {
			t.t.Errorf("the page asks for all clips: %s", s.url)
		}
	}
	if counts == 0 {
		t.t.Error("the timeline asks for no counts")
	}
}

// strike clicks the timeline at that share of clip c, in its camera's row.
func (t *tab) strike(c clip, share float64) {
	t.t.Helper()
	at := c.Start.Add(time.Duration(share * float64(12*time.Second))).UnixMilli()
	var place struct{ X, Y float64 }
	line := `document.querySelector("clip-timeline")`
	t.wait(line + `.rows.includes(` + quote(c.Camera) + `) && ` + line + `.from <= ` + fmt.Sprint(at) + ` && ` + line + `.to > ` + fmt.Sprint(at))
	t.eval(line+`.scrollIntoView({ block: "center", behavior: "instant" }); (() => {
		const line = `+line+`, r = line.canvas.getBoundingClientRect(), left = 120, row = line.rows.indexOf(`+quote(c.Camera)+`)
		return { x: r.left + left + (`+fmt.Sprint(at)+` - line.from) / (line.to - line.from) * (r.width - left), y: r.top + 30 * row + 12 }
	})()`, &place)
	t.do(chromedp.MouseClickXY(place.X, place.Y))
}
