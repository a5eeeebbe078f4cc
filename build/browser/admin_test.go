package browser

import (
	"strings"
	"testing"
	"time"
)

// TestSignInAnotherDevice: the code on one screen signs another browser in, once.
func TestSignInAnotherDevice(t *testing.T) {
	b := newBox(t)
	first := b.newTab()
	first.signIn("operator")
	first.open("/device")
	first.click("main form button")
	first.wait(`!!document.querySelector("svg[role=img]")`)
	var link string
	first.eval(`document.querySelector("[data-copy]").textContent`, &link)
	path := strings.TrimPrefix(link, b.url)
	second, third := b.newTab(), b.newTab()
	second.open(path)
	second.wait(`document.body.dataset.role === "operator" && location.search === ""`)
	third.allow("403")
	third.open(path)
	third.wait(`document.querySelector("[role=alert]").textContent.includes("used already")`)
}

// TestTokens: an admin makes a token, sees its secret once, and revoking it puts its holder out.
func TestTokens(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.signIn("admin")
	tab.open("/tokens")
	tab.eval(`document.querySelector("input[name=name][required]").value = "NAS"`, nil)
	tab.click("button[value=add]")
	var secret string
	tab.wait(`document.querySelector(".handover [data-copy]")?.textContent.length > 40`)
	tab.eval(`document.querySelector(".handover [data-copy]").textContent`, &secret)
	if got := b.ask(secret, "GET", "/api/v1/status", "", nil); got != 200 {
		t.Errorf("the secret that is shown answers %d", got)
	}
	tab.open("/tokens")
	tab.wait(`![...document.querySelectorAll("code")].some(c => c.textContent === ` + quote(secret) + `)`)
	tab.click(`button[aria-label="Revoke NAS"]`) // it asks
	tab.wait(`document.querySelector(".armed").textContent === "Really revoke NAS?"`)
	if got := b.ask(secret, "GET", "/api/v1/status", "", nil); got != 200 {
		t.Errorf("after one click the secret answers %d", got)
	}
	tab.click(".armed")
	tab.wait(`document.querySelector(".done").textContent.includes("NAS opens nothing")`)
	if got := b.ask(secret, "GET", "/api/v1/status", "", nil); got != 401 {
		t.Errorf("the revoked secret answers %d", got)
	}
}

// TestSettings: what an admin saves is in force when the page is there again; what is wrong is told at its field.
func TestSettings(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.allow("400")
	tab.signIn("admin")
	tab.open("/settings")
	tab.eval(`document.getElementById("name").value = "Garden <b>shed</b>"`, nil)
	tab.click("#box button[value=save]")
	tab.wait(`document.querySelector(".brand").textContent === "Garden <b>shed</b>" && document.querySelector(".done").textContent.includes("in force")`)
	tab.eval(`document.getElementById("keep.age").value = "soon"`, nil)
	tab.click("#keep button[value=save]")
	tab.wait(`document.getElementById("keep.age").getAttribute("aria-invalid") === "true" && document.getElementById("keep.age").value === "soon"`)
	tab.eval(`document.getElementById("keep.age").value = "30d"`, nil)
	tab.click("#keep button[value=save]")
	tab.wait(`document.getElementById("keep.age").value === "30d" && document.getElementById("keep.age-from").textContent === "saved here"`)
}

// TestViewerIsNoAdmin: a viewer sees health and devices, and no way to the rest.
func TestViewerIsNoAdmin(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.allow("403")
	tab.signIn("viewer")
	tab.open("/health")
	tab.wait(`!!document.querySelector("meter") && !document.querySelector("main form")`)
	tab.wait(`[...document.querySelectorAll(".tabs a")].map(a => a.textContent).join() === "Clips,Health,Devices"`)
	tab.open("/settings")
	tab.wait(`document.querySelector("main").textContent.includes("This needs the role admin")`)
}

// TestHealthIsLive: what changes on the box changes on the page.
func TestHealthIsLive(t *testing.T) {
	b := newBox(t)
	tab := b.newTab()
	tab.signIn("viewer")
	tab.open("/health")
	tab.wait(`document.querySelector("dl dd").textContent === "0"`)
	b.record("front/a.mp4", time.Now())
	tab.wait(`document.querySelector("dl dd").textContent === "1"`)
}

// TestAdminPagesAreAccessible: axe-core finds nothing on them either.
func TestAdminPagesAreAccessible(t *testing.T) {
	script := axe(t)
	b := newBox(t)
	b.record("front/a.mp4", time.Now())
	b.listed(1)
	tab := b.newTab()
	tab.signIn("admin")
	for _, page := range []string{"/health", "/device", "/tokens", "/settings"} {
		tab.checked(script, page)
	}
}
