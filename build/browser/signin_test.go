package browser

import (
	"testing"
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
