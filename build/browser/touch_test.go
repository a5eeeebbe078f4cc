package browser

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	permissions "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// TestPinch: two fingers zoom the timeline, and the one that stays when the other is lifted moves it.
func TestPinch(t *testing.T) {
	b := newBox(t, "front/a.mp4")
	tab := b.newTab()
	tab.do(chromedp.EmulateViewport(390, 900))
	_, err := chromedp.Call(tab.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true, MaxTouchPoints: 2})
	b.must(err)
	tab.signIn("viewer")
	const line = `document.querySelector("clip-timeline")`
	tab.wait(line + `?.rows?.length === 1`)
	tab.eval(line+`.scrollIntoView({ block: "center", behavior: "instant" })`, nil)
	var y float64
	tab.eval(line+`.canvas.getBoundingClientRect().top + 12`, &y)
	var before, apart, moved struct{ From, To float64 }
	window := func(v any) { t.Helper(); tab.eval(`({ from: `+line+`.from, to: `+line+`.to })`, v) }
	window(&before)

	tab.touch(input.DispatchTouchEventTypeTouchStart, y, finger{0, 200})
	tab.touch(input.DispatchTouchEventTypeTouchStart, y, finger{0, 200}, finger{1, 240})
	tab.touch(input.DispatchTouchEventTypeTouchMove, y, finger{0, 180}, finger{1, 280})
	tab.wait(line + `.to - ` + line + `.from < ` + fmt.Sprint((before.To-before.From)*0.6))
	window(&apart)
	tab.touch(input.DispatchTouchEventTypeTouchEnd, y, finger{1, 280})
	tab.touch(input.DispatchTouchEventTypeTouchMove, y, finger{0, 260})
	tab.wait(line + `.from < ` + fmt.Sprint(apart.From))
	window(&moved)
	tab.touch(input.DispatchTouchEventTypeTouchEnd, y, finger{0, 260})
	if was, is := apart.To-apart.From, moved.To-moved.From; is < was*0.99 || is > was*1.01 {
		t.Errorf("one finger changes what is shown from %v to %v ms", was, is)
	}
	tab.wait(`!document.querySelector(".player")?.dataset.id`) // a pinch is no click
}

// finger is one of those on the glass.
type finger struct{ id, x float64 }

// touch says where fingers came down, moved to, or left.
func (t *tab) touch(what input.DispatchTouchEventType, y float64, fingers ...finger) {
	t.t.Helper()
	points := []*input.TouchPoint{}
	for _, f := range fingers {
		points = append(points, &input.TouchPoint{X: f.x, Y: y, ID: &f.id})
	}
	_, err := chromedp.Call(t.ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: what, TouchPoints: points})
	t.b.must(err)
}

// TestCopyLink: the button makes a link that works for who is not signed in, copies it, and says how far it reaches.
func TestCopyLink(t *testing.T) {
	b := newBox(t)
	b.record("front/a.mp4", time.Now())
	c := b.listed(1)[0]
	tab := b.newTab()
	tab.signIn("viewer")
	tab.click(".card a[data-play]")
	tab.plays(c)
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		_, err := chromedp.CallBrowser(tab.ctx, permissions.SetPermission, permissions.SetPermissionParams{Permission: &permissions.PermissionDescriptor{Name: name},
			Setting: permissions.PermissionSettingGranted, Origin: b.url, BrowserContextID: chromedp.FromContext(tab.ctx).BrowserContextID})
		b.must(err)
	}
	tab.click(`.player [data-do=link]`)
	tab.wait(`document.querySelector("dialog [role=status]")?.textContent === "Copied."`)
	tab.wait(`document.querySelector("dialog .notice").textContent.includes("works only in this network")`)
	var shown, copied string
	tab.eval(`document.getElementById("shared").value`, &shown)
	tab.eval(`navigator.clipboard.readText()`, &copied)
	if copied != shown || !strings.HasPrefix(shown, b.url+"/clips/"+c.ID+"/") || !strings.Contains(shown, "sig=") {
		t.Errorf("shown is %q, copied %q", shown, copied)
	}
	for link, want := range map[string]int{copied: 200, strings.Split(copied, "?")[0]: 401} {
		req, err := http.NewRequestWithContext(context.Background(), "GET", link, nil)
		b.must(err)
		res, err := http.DefaultClient.Do(req)
		b.must(err)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s answers a stranger %d, want %d", link, res.StatusCode, want)
		}
	}
}
