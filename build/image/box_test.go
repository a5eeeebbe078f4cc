package image

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
)

// token is chosen on the boot partition.
const token = "correct horse battery"

// settings is a file for the boot partition: what lets a test in, and then rest.
func settings(public, first, rest string) string {
	return fmt.Sprintf("[first_boot]\ntoken = %q\nssh_key = %q\n%s\n%s", token, public, first, rest)
}

func (m *board) base() string { return fmt.Sprintf("http://127.0.0.1:%d", m.httpPort) }

var client = &http.Client{Timeout: time.Minute}

// get asks the box for path, with the token, and decodes what it answers.
func (m *board) get(path string, v any) error {
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.base()+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", path, res.Status, body)
	}
	if text, ok := v.(*string); ok {
		*text = string(body)
		return nil
	}
	return json.Unmarshal(body, v)
}

// status waits until the box answers.
func (m *board) status() (s api.Status) {
	m.t.Helper()
	m.eventually("the box's status", func() error {
		s = api.Status{}
		return m.get("/api/v1/status", &s)
	})
	return s
}

// waitStatus waits until the status is as ok wants it.
func (m *board) waitStatus(what string, ok func(api.Status) bool) (s api.Status) {
	m.t.Helper()
	m.eventually(what, func() error {
		s = api.Status{}
		if err := m.get("/api/v1/status", &s); err != nil {
			return err
		}
		if !ok(s) {
			return fmt.Errorf("the status is %+v", s)
		}
		return nil
	})
	return s
}

// clips are all that the box lists, by id.
func (m *board) clips() (map[string]api.Clip, error) {
	var list struct{ Clips []api.Clip }
	if err := m.get("/api/v1/clips?limit=1000", &list); err != nil {
		return nil, err
	}
	byID := map[string]api.Clip{}
	for _, c := range list.Clips {
		byID[c.ID] = c
	}
	return byID, nil
}

// waitClips waits until there are n clips at least.
func (m *board) waitClips(n int) (all map[string]api.Clip) {
	m.t.Helper()
	m.eventually(fmt.Sprintf("%d clips", n), func() (err error) {
		if all, err = m.clips(); err == nil && len(all) < n {
			err = fmt.Errorf("there are %d", len(all))
		}
		return err
	})
	return all
}

// record makes the camera of the box a test picture, small and slow enough for an emulated processor.
func (m *board) record(more ...string) {
	m.t.Helper()
	lines := append([]string{"SOURCE=test", "WIDTH=160", "HEIGHT=120", "FPS=2", "SEGMENT=10", "ENCODER=libx264"}, more...)
	m.sh("printf '%s\\n' " + strings.Join(lines, " ") + " >/etc/clipd/recorder.env && sync && systemctl restart clipd-recorder@front")
}

// clipctl is the client of this tree.
func clipctl(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clipctl")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "clipd/cmd/clipctl")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return path
}

// ctl runs clipctl against the box.
func (m *board) ctl(clipctl string, args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), clipctl, append(args, "--url", m.base())...)
	cmd.Env = append(os.Environ(), "CLIPCTL_TOKEN="+token, "XDG_CONFIG_HOME="+m.t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("clipctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
