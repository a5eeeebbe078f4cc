package browser

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
)

// four is a box with four clips, newest first.
func four(t *testing.T) (*box, []clip) {
	t.Helper()
	b := newBox(t, "back/0.mp4", "front/1.mp4", "front/2.mp4", "front/3.mp4")
	return b, b.clips()
}

// pick is the box to tick of a clip.
func pick(c clip) string { return `.pick[value="` + c.ID + `"]` }

// says waits until the bar of what is selected says so.
func (t *tab) says(text string) {
	t.t.Helper()
	t.wait(`document.querySelector("#pick [data-count]").textContent.startsWith(` + quote(text) + `)`)
}

// TestZIP: what is selected by clicks, or by the filter, comes as one ZIP with the recordings whole.
func TestZIP(t *testing.T) {
	b, clips := four(t)
	tab := b.newTab()
	tab.signIn("viewer")
	tab.click(pick(clips[0]))
	tab.clickWith(pick(clips[2]), "{ shiftKey: true }")
	tab.says("3 selected")
	tab.click(pick(clips[1]))
	tab.says("2 selected")
	tab.holds(tab.download(`#pick [data-do=zip]`), clips[0], clips[2])
	tab.click(`#pick [data-do=none]`)
	tab.open("/?camera=front")
	tab.ready()
	tab.click(pick(clips[0]))
	tab.click(`#pick [data-do=all]`)
	tab.says("3 selected")
	tab.holds(tab.download(`#pick [data-do=zip]`), clips[:3]...)
}

// holds fails the test unless the file is a ZIP of these clips.
func (t *tab) holds(file downloaded, clips ...clip) {
	t.t.Helper()
	want, err := os.ReadFile(sample)
	t.b.must(err)
	z, err := zip.OpenReader(file.path)
	if err != nil {
		t.t.Fatalf("%s: %v", file, err)
	}
	defer z.Close()
	names := map[string]bool{}
	for _, f := range z.File {
		r, err := f.Open()
		t.b.must(err)
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.t.Errorf("%s in the ZIP is not the recording: %v", f.Name, err)
		}
		names[f.Name] = true
	}
	if len(names) != len(clips) {
		t.t.Errorf("the ZIP holds %v, not %d clips", names, len(clips))
	}
}

// TestPin: a clip is pinned and unpinned from the list and from the player, and every page shows it.
func TestPin(t *testing.T) {
	b, clips := four(t)
	tab := b.newTab()
	tab.signIn("operator")
	watching := tab.beside()
	watching.open("/")
	watching.ready()
	badge := `[...document.querySelectorAll('.card[data-id="` + clips[1].ID + `"] .badge')].some(e => e.textContent === "Pinned")`
	tab.click(pick(clips[1]))
	tab.click(`#pick [data-do=pin]`)
	tab.wait(badge)
	watching.wait(badge)
	tab.open("/?clip=" + clips[1].ID)
	tab.ready()
	tab.wait(`document.querySelector(".player [data-do=pin]").getAttribute("aria-pressed") === "true"`)
	tab.click(`.player [data-do=pin]`)
	tab.wait(`document.querySelector(".player [data-do=pin]").getAttribute("aria-pressed") === "false"`)
	watching.wait(`!(` + badge + `)`)
	for _, c := range b.clips() {
		if c.Pinned {
			t.Errorf("%s is pinned", c.Path)
		}
	}
}

// TestDelete: nothing is sent for ten seconds, undo brings a clip back and leaves it there, and without it the file goes.
func TestDelete(t *testing.T) {
	b, clips := four(t)
	tab := b.newTab()
	tab.signIn("operator")
	gone := func(c clip) string { return `!document.querySelector('.card[data-id="` + c.ID + `"]')` }

	tab.click(pick(clips[0]))
	tab.click(`#pick [data-do=delete]`)
	tab.wait(gone(clips[0]))
	if len(b.clips()) != 4 {
		t.Error("the box was told before there was time to undo")
	}
	tab.click(`.toast button`)
	tab.shows(clips[0])

	tab.click(pick(clips[1]))
	tab.click(`#pick [data-do=delete]`)
	for _, c := range b.listed(3) { // later than the clip that was brought back would have been deleted
		if c.ID == clips[1].ID {
			t.Error("the wrong clip was deleted")
		}
	}
	tab.wait(gone(clips[1]))
	tab.shows(clips[0])
	if _, err := os.Stat(fmt.Sprintf("%s/recordings/%s", b.dir, clips[1].Path)); !os.IsNotExist(err) {
		t.Errorf("the recording is there: %v", err)
	}
}

// TestViewerChangesNothing: a viewer is offered nothing that changes a clip, and asking the box all the same is refused.
func TestViewerChangesNothing(t *testing.T) {
	b, clips := four(t)
	tab := b.newTab()
	tab.allow("403")
	tab.signIn("viewer")
	offered := `["pin", "unpin", "push", "delete"].some(name => document.querySelector("[data-do=" + name + "]"))`
	tab.wait(`!(` + offered + `)`)
	tab.open("/?clip=" + clips[0].ID)
	tab.ready()
	tab.plays(clips[0])
	tab.wait(`!(` + offered + `)`)
	tab.press("\u007f") // Delete
	for _, request := range []string{`"DELETE", "clips/ID"`, `"PUT", "clips/ID/pin"`, `"POST", "clips/ID/push"`, `"POST", "tokens"`, `"POST", "links/revoke"`} {
		var status int
		tab.eval(`((method, path) => fetch("/api/v1/" + path.replace("ID", `+quote(clips[0].ID)+`), { method, headers: { "Content-Type": "application/json" }, body: "{}" }).then(r => r.status))(`+request+`)`, &status)
		if status != 403 {
			t.Errorf("%s is answered %d", request, status)
		}
	}
	if len(b.clips()) != 4 {
		t.Error("a viewer deleted a clip")
	}
}
