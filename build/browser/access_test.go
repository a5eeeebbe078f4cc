package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// axe is axe-core, as build/deps.sh installs it.
func axe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "bin", ".axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("axe-core is not installed: build/deps.sh test does it")
	}
	return string(text)
}

// TestAccessible: axe-core finds nothing on any page, in dark and in light, on a phone and on a desk.
func TestAccessible(t *testing.T) {
	script := axe(t)
	b := newBox(t)
	for i := range 5 {
		b.record(fmt.Sprintf("cam%d/%d.mp4", i%2, i), time.Now().Add(time.Duration(i-10)*13*time.Hour))
	}
	clips := b.listed(5)
	tab := b.newTab()
	tab.allow("404")
	tab.allow("400")
	tab.checked(script, "/")
	tab.signIn("admin")
	for _, page := range []string{"/", "/?clip=" + clips[0].ID, "/?day=1999-01-01", "/?clip=nonsense"} {
		tab.checked(script, page)
	}
}

// checked runs axe-core on a page in every look that it has.
func (t *tab) checked(axe, path string) {
	t.t.Helper()
	for _, look := range []struct {
		scheme string
		width  int64
	}{{"dark", 390}, {"light", 390}, {"light", 1024}, {"dark", 1920}} {
		_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: look.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		t.b.must(err)
		t.do(chromedp.EmulateViewport(look.width, 900))
		t.open(path)
		t.eval(axe+"; 1", nil)
		var found []struct {
			ID, Impact, Help string
			Nodes            []struct{ HTML, FailureSummary string }
		}
		t.eval(`axe.run({ resultTypes: ["violations"] }).then(r => r.violations)`, &found)
		for _, v := range found {
			for _, n := range v.Nodes {
				t.t.Errorf("%s, %s, %d wide: %s: %s\n%s\n%s", path, look.scheme, look.width, v.ID, v.Help, n.HTML, n.FailureSummary)
			}
		}
		var over int
		if t.eval(`document.documentElement.scrollWidth - innerWidth`, &over); over > 0 {
			t.t.Errorf("%s is %d pixels wider than a screen of %d", path, over, look.width)
		}
	}
}

// TestAxeFinds: axe-core runs, and finds what is wrong.
func TestAxeFinds(t *testing.T) {
	script := axe(t)
	tab := newBox(t).newTab()
	tab.open("/")
	tab.eval(script+"; 1", nil)
	tab.eval(`document.body.append(document.createElement("button"), document.createElement("img"))`, nil)
	var found []string
	tab.eval(`axe.run().then(r => r.violations.map(v => v.id))`, &found)
	if len(found) < 2 {
		t.Errorf("found: %q", found)
	}
}
