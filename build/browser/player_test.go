package browser

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const video = `document.querySelector(".player video")`

// TestSeek: the player starts by itself, and a jump asks for a part of the file and goes on playing from there.
func TestSeek(t *testing.T) {
	b := newBox(t)
	b.record("front/a.mp4", time.Now())
	c := b.listed(1)[0]
	tab := b.newTab()
	tab.signIn("viewer")
	tab.click(".card a[data-play]")
	tab.plays(c)
	tab.eval(video+`.pause()`, nil)
	tab.eval(video+`.currentTime = 9`, nil)
	tab.wait(video + `.readyState >= 2 && !` + video + `.seeking && ` + video + `.currentTime >= 9`)
	tab.eval(video+`.play()`, nil)
	tab.wait(video + `.currentTime > 9.3`)
	if got := tab.responses("/clips/" + c.ID); len(got) == 0 || slices.ContainsFunc(got, func(s int64) bool { return s != 206 }) {
		t.Errorf("the recording was answered with %v, want 206 each time", got)
	}
}

// plays waits until clip c is shown and moves.
func (t *tab) plays(c clip) {
	t.t.Helper()
	t.wait(`document.querySelector(".player").dataset.id === ` + quote(c.ID))
	t.wait(video + `.readyState >= 2 && ` + video + `.currentTime > 0`)
}

// TestNeighbours: previous and next walk through time, and the address names what is shown, so that loading it again
// shows the same.
func TestNeighbours(t *testing.T) {
	b := newBox(t)
	for i := range 3 {
		b.record(fmt.Sprintf("front/%d.mp4", i), time.Now().Add(time.Duration(i-5)*time.Minute))
	}
	clips := b.listed(3) // the newest first
	tab := b.newTab()
	tab.signIn("viewer")
	tab.open("/?clip=" + clips[2].ID)
	tab.plays(clips[2])
	for _, step := range []struct {
		rel string
		to  clip
	}{{"next", clips[1]}, {"next", clips[0]}, {"prev", clips[1]}} {
		tab.click(`.player a[rel="` + step.rel + `"]`)
		tab.plays(step.to)
		tab.wait(`location.href.includes(` + quote(step.to.ID) + `)`)
	}
	tab.do(chromedp.Reload())
	tab.plays(clips[1])
	tab.eval(`history.back()`, nil)
	tab.plays(clips[0])
}

// TestWithoutScripts: list, player and download are plain HTML.
func TestWithoutScripts(t *testing.T) {
	b := newBox(t)
	b.record("front/a.mp4", time.Now())
	c := b.listed(1)[0]
	tab := b.newTab()
	_, err := chromedp.Call(tab.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.must(err)
	tab.plain = true
	tab.signIn("viewer")
	tab.click(".card a[data-play]")
	tab.plays(c)
	if file := tab.download(".player a[download]"); !file.is(sample) {
		t.Errorf("what was downloaded (%s) is not the recording", file)
	}
}
