package device

import (
	"errors"
	"strings"
	"testing"

	"clipd/device/api"
)

// A name that nobody goes by is refused when it is set, and not held against a box that starts with it.
func TestUndeliveredNamesMustBeKnown(t *testing.T) {
	f := newFile(t, "[keep]\nundelivered = [\"old\"]\n[target.archive]\nurl = \"http://nas/x\"\n")
	s := f.open()
	s.ask(func(name string) bool { return name == "nas" })
	var p *api.Problem
	err := s.save([]byte(`{"keep":{"undelivered":["old","nas","archive","nsa"]}}`))
	if !errors.As(err, &p) || len(p.Errors) != 1 || p.Errors[0].Key != "keep.undelivered" || !strings.Contains(p.Detail, `"nsa" is neither`) {
		t.Fatalf("%+v", err)
	}
	if err := s.save([]byte(`{"keep":{"undelivered":["old","nas","archive"]}}`)); err != nil {
		t.Error(err)
	}
}

// What [keep] says is checked where it is read.
func TestKeepIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"[[keep.class]]\nage = \"1d\"":                    "needs match",
		"[[keep.class]]\nmatch = \"a/**\"":                "needs an age or a size",
		"[[keep.class]]\nmatch = \"/a/**\"\nage = \"1d\"": "relative to the recordings folder",
		"[keep]\nundelivered = [\"nas\", \"nas\"]":        "there twice",
		"[keep]\nundelivered = [\"\"]":                    "empty",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	c, err := load(t, "[keep]\nage = \"30d\"\nfree = \"5%\"\n[[keep.class]]\nmatch = \"drive/**\"\ncamera = \"yard\"\nsize = \"1GB\"")
	if err != nil {
		t.Fatal(err)
	}
	r := c.rules()
	if k := r.Classes[0]; !r.LastResort || r.FreePercent != 5 || k.Name != "drive/**" || k.Camera != "yard" || !k.Match("drive/a/b.mp4") || k.Match("a.mp4") {
		t.Errorf("%+v", r)
	}
}
