package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// controlCuts is after how many cuts a box must have announced everything: only then it is noticed that it forgot to.
const controlCuts = 8

// A control is a clipd with one promise taken out of its source: what the campaign must find. The program that is shipped
// has no switch for it.
type control struct {
	name  string
	edits []edit
}

// edit puts broken in the place of sound, which stands once in the file.
type edit struct{ file, sound, broken string }

var controls = []control{
	{"NoSync", []edit{
		{"store/open.go", "db.AllocSize = allocSize\n", "db.AllocSize = allocSize\n\tdb.NoSync = true\n"},
	}},
	{"no folder fsync", []edit{
		{"device/root/remove.go", "return 0, unix.Fsync(fd)", "return 0, nil"},
		{"store/file.go", "errors.Join(d.Sync(), d.Close())", "errors.Join(nil, d.Close())"},
	}},
	{"cursor before PUBACK", []edit{
		{"device/announce/session.go", "s.announce(i.event, i.from, s.many(i.event.Seq), func() { s.cursor.move(i.passes) })",
			"s.cursor.move(i.passes)\n\ts.announce(i.event, i.from, s.many(i.event.Seq), func() {})"},
	}},
}

// build makes the program in dir, with go build -overlay.
func (c control) build(dir string) (program string, err error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for i, e := range c.edits {
		path, err := filepath.Abs(filepath.Join("../..", e.file))
		if err != nil {
			return "", err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(source), e.sound); n != 1 {
			return "", fmt.Errorf("%q stands %d times in %s: the control has to follow the code", e.sound, n, e.file)
		}
		overlay.Replace[path] = filepath.Join(dir, fmt.Sprint(i, ".go"))
		if err := os.WriteFile(overlay.Replace[path], []byte(strings.Replace(string(source), e.sound, e.broken, 1)), 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "clipd")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "clipd/cmd/clipd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build clipd with %s: %w\n%s", c.name, err, out)
	}
	return program, nil
}

// Each broken program is found out by power cuts.
func TestControls(t *testing.T) {
	for _, control := range controls {
		t.Run(control.name, func(t *testing.T) {
			c := newCampaign(t, "mkfs.ext4", "mosquitto", "mosquitto_sub", "stdbuf")
			need(t, mayMount(t))
			var err error
			if c.program, err = control.build(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			c.until, c.tell = time.Now().Add(ciTime), 10*time.Second
			for err == nil && len(c.wrong) == 0 && !c.over() {
				err = c.lanes(t.Context(), lanesAtOnce, func(ctx context.Context, c *campaign) error {
					return c.powerCuts(ctx, controlCuts, false)
				})
			}
			if err == nil && len(c.wrong) == 0 {
				t.Errorf("%d power cuts found nothing wrong with it: the test tests nothing", c.figures.cuts)
			}
			t.Logf("found out after %d cuts: %v %v", c.figures.cuts, err, strings.Join(c.wrong, "; "))
		})
	}
}
