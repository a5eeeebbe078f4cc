package browser

import (
	"strings"
	"testing"
)

// TestWatched: what must fail a test is noticed. Without it, no other test's silence means anything.
func TestWatched(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.open("/")
	for _, c := range []struct{ does, noticed string }{
		{`{ const s = document.createElement("script"); s.textContent = "window.ran = 1"; document.body.append(s) }`, "Content Security Policy"},
		{`document.body.setAttribute("style", "color: red")`, "Content Security Policy"},
		{`document.body.insertAdjacentHTML("beforeend", '<img src="http://elsewhere.example/x.png">')`, "leaves the box: http://elsewhere"},
		{`setTimeout(() => { throw new Error("thrown") })`, "thrown"},
		{`console.error("said")`, "said"},
		{`fetch("/no-such-thing")`, "404"},
	} {
		tab.eval(c.does+"; 1", nil)
		tab.wait(`true`)
		if !tab.notices(c.noticed) {
			t.Errorf("%s is not noticed: %q", c.does, tab.wrong())
		}
		tab.allow("")
	}
	var ran bool
	if tab.eval(`"ran" in window`, &ran); ran {
		t.Error("the policy lets a script run that stands in the page")
	}
}

// notices waits until something wrong that holds text has been heard.
func (t *tab) notices(text string) bool {
	for range 500 {
		t.mu.Lock()
		all := strings.Join(t.bad, "\n")
		t.mu.Unlock()
		if strings.Contains(all, text) {
			return true
		}
		t.wait(`true`)
	}
	return false
}
