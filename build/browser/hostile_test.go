package browser

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile are names that a recorder, or whoever can write into the folder, may choose.
var hostile = []string{
	`"><img src=x onerror=alert(1)>.mp4`,
	`'; alert(1); '.mp4`,
	`--><svg onload=alert(1)>.mp4`,
	`javascript:alert(1).mp4`,
	"a\u202e4pm.exe.mp4",
	"line\nbreak.mp4",
	`&lt;b&gt;&#60;b&#62;.mp4`,
	`%2e%2e%2f?download=0#x.mp4`,
	"\xff\xfe not UTF-8.mp4",
	strings.Repeat("n", 251) + ".mp4",
}

// TestHostileNames: a name is text wherever it stands, and its clip plays and can be downloaded like any other.
func TestHostileNames(t *testing.T) {
	b := newBox(t)
	for i, name := range hostile {
		camera := name
		if name == hostile[len(hostile)-2] {
			camera = "front" // JSON cannot tell it
		}
		b.record(camera+"/"+name, time.Now().Add(time.Duration(i-60)*time.Minute))
	}
	clips := b.listed(len(hostile))
	slices.Reverse(clips)
	tab := b.newTab()
	tab.signIn("admin")
	for i, c := range clips {
		tab.open("/")
		tab.wait(`[...document.querySelectorAll(".card")].some(e => e.dataset.id === ` + quote(c.ID) + ` && e.querySelector("bdi").textContent === ` + quote(shown(c.Camera)) + `)`)
		tab.open("/?clip=" + c.ID)
		tab.plays(c)
		tab.wait(`[...document.querySelectorAll(".player bdi")].some(e => e.textContent === ` + quote(shown(hostile[i])) + `)`)
		if file := tab.download(".player a[download]"); !file.is(sample) {
			t.Errorf("what was downloaded as %q is not the recording", file)
		}
	}
}

// shown is name as a page shows it: what moves or turns other text is replaced.
func shown(name string) string {
	return strings.NewReplacer("\n", "\uFFFD", "\u202e", "\uFFFD").Replace(strings.ToValidUTF8(name, "\uFFFD"))
}
