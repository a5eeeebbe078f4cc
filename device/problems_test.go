package device

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// A problem is logged, kept and passed on once when it begins, changes and is over, in this order: whoever is told finds
// it in the file. A file that cannot be written keeps nobody from being told.
func TestProblemsAreToldOnce(t *testing.T) {
	var log bytes.Buffer
	var did []string
	var broken error
	p := newProblems(slog.New(slog.NewTextHandler(&log, nil)), func(now []string) error {
		did = append(did, "kept "+strings.Join(now, ", "))
		return broken
	}, func() { did = append(did, "told") })
	for _, text := range []string{"", "full", "full", "fuller"} {
		p.set("disk", text)
	}
	broken = errors.New("no space")
	p.set("broker", "away")
	p.set("disk", "")
	want := []string{"kept full", "told", "kept fuller", "told", "kept away, fuller", "told", "kept away", "told"}
	if !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	if got := p.all(); !slices.Equal(got, []string{"away"}) || p.get("broker") != "away" || p.get("disk") != "" {
		t.Errorf("left are %q", got)
	}
	if text := log.String(); strings.Count(text, "msg=problem ") != 3 || strings.Count(text, "problem is over") != 1 || strings.Count(text, "could not be noted") != 2 {
		t.Errorf("the log says\n%s", text)
	}
}
