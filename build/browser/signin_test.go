package browser

import (
	"testing"
	"time"
)

// TestSignIn: a wrong token is told, the right one opens the dashboard, signing out closes it.
func TestSignIn(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.allow("401")
	tab.open("/")
	tab.eval(`document.querySelector("input[name=token]").value = "wrong"`, nil)
	tab.click("form[action$=login] button")
	tab.wait(`document.querySelector("[role=alert]")?.textContent.length > 0`)
	tab.signIn("admin")
	tab.click("form[action$=logout] button")
	tab.wait(`!!document.querySelector("input[name=token]")`)
	tab.open("/")
	tab.wait(`document.body.dataset.role === "stranger"`)
}

// TestArrival: a new clip shows up in an open page without anybody doing anything.
func TestArrival(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.signIn("viewer")
	now := time.Now()
	for _, name := range []string{"front/a.mp4", "front/b.mp4"} {
		now = now.Add(time.Second)
		b.record(name, now)
		c := b.newest(name)
		tab.wait(`document.querySelector(".card").dataset.id === ` + quote(c.ID))
	}
}

// newest waits until the newest clip is the one at path.
func (b *box) newest(path string) clip {
	b.t.Helper()
	for deadline := time.Now().Add(*patience); ; {
		if clips := b.clips(); len(clips) > 0 && clips[0].Path == path {
			return clips[0]
		} else if time.Now().After(deadline) {
			b.t.Fatalf("%s is not listed first: %v", path, clips)
		}
	}
}
