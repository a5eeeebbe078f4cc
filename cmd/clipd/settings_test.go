package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// startWith starts a box on a free port that stands, with text, in a configuration file.
func startWith(t *testing.T, text string) *box {
	t.Helper()
	b := newBox(t)
	file := filepath.Join(b.dir, "clipd.toml")
	listen := fmt.Sprintf("\n[http]\nlisten = \"127.0.0.1:%d\"\n", freePort(t))
	must(t, os.WriteFile(file, []byte(text+listen), 0o600))
	b.startAgain()
	return b
}

// startAgain starts the box of startWith.
func (b *box) startAgain() {
	b.t.Helper()
	b.run(exec.Command(binary, "-config", filepath.Join(b.dir, "clipd.toml"), "-dir", b.dir))
	b.ready()
}

// put changes settings and returns the status of the answer.
func (b *box) put(patch string) (status int, body string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPut, b.url+"/api/v1/config", strings.NewReader(patch))
	must(b.t, err)
	req.Header.Set("Authorization", "Bearer "+b.token())
	res, err := http.DefaultClient.Do(req)
	must(b.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(b.t, err)
	return res.StatusCode, string(text)
}

// change changes settings and waits until the box lives with them.
func (b *box) change(patch string) {
	b.t.Helper()
	if status, body := b.put(patch); status != 202 {
		b.t.Fatalf("PUT %s: %d %s", patch, status, body)
	}
	b.ready()
}

type config struct {
	Config struct {
		Name string
		HTTP struct{ Listen string }
		Keep struct{ Age string }
		MQTT map[string]any
	}
	Sources       map[string]string
	ConfirmWithin *float64 `json:"confirm_within"`
	Undone        string
}

func (b *box) config() (c config) {
	b.t.Helper()
	b.get("/api/v1/config", &c)
	return c
}

// Settings take effect in the running process: nobody is refused a connection meanwhile and browsers stay signed in.
func TestSettingsTakeEffectWithoutARefusedConnection(t *testing.T) {
	m := newMosquitto(t)
	b := startWith(t, "name = \"porch\"\n[mqtt]\nbroker = \"none\"\n")
	pid := b.cmd.Process.Pid
	browser := signedIn(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() { askOnAndOn(ctx, t, b.url) })
	}
	info := m.subscribe("clipd/+/info")
	b.change(`{"name":"shed","keep":{"age":"30d"},"mqtt":{"broker":"` + m.url() + `"}}`)
	told := info.next(func(message) bool { return true })
	if !strings.Contains(string(told.payload), `"name":"shed"`) {
		t.Errorf("the new broker hears %s", told.payload)
	}
	b.change(`{"name":"barn"}`)
	info.next(func(m message) bool { return strings.Contains(string(m.payload), `"name":"barn"`) })
	cancel()
	asking.Wait()
	if c := b.config(); c.Config.Name != "barn" || c.Config.Keep.Age != "30d" || !strings.Contains(c.Sources["name"], "settings.toml:") {
		t.Errorf("the settings are %+v", c)
	}
	if res, err := browser.Get(b.url + "/api/v1/status"); err != nil || res.StatusCode != 200 {
		t.Errorf("the browser is signed in no more: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
	if b.cmd.Process.Pid != pid {
		t.Error("another process")
	}
	must(t, b.stop())
	b.startAgain()
	if c := b.config(); c.Config.Name != "barn" {
		t.Errorf("after a restart the name is %q", c.Config.Name)
	}
}

func signedIn(t *testing.T, b *box) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	res, err := browser.PostForm(b.url+"/login", map[string][]string{"token": {b.token()}})
	must(t, err)
	res.Body.Close()
	if len(jar.Cookies(res.Request.URL)) == 0 {
		t.Fatalf("signing in: %s", res.Status)
	}
	return browser
}

// askOnAndOn fails the test if a connection is refused, until ctx is done. One that was made in the moment the server ends
// and has not sent its request may be closed, as an idle one is: browsers then ask again.
func askOnAndOn(ctx context.Context, t *testing.T, url string) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		res, err := c.Get(url + "/healthz")
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			t.Errorf("while the settings changed: %v", err)
			return
		case err == nil:
			res.Body.Close()
		}
	}
}

// A download under way when settings change is delivered whole, while others already talk to the box as it is now.
func TestADownloadOutlivesAChangeOfSettings(t *testing.T) {
	b := startWith(t, "[mqtt]\nbroker = \"none\"\n")
	path := b.recordings("front", "large.mp4")
	record(t, filepath.Join(b.dir, "large.mp4"))
	const padding = 96 << 20 // more than sockets hold
	info, err := os.Stat(filepath.Join(b.dir, "large.mp4"))
	must(t, err)
	f, err := os.OpenFile(filepath.Join(b.dir, "large.mp4"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.Write([]byte{padding >> 24, padding >> 16 & 0xff, 0, 0, 'f', 'r', 'e', 'e'}) // ISO/IEC 14496-12 §8.1.2
	must(t, err)
	must(t, f.Truncate(info.Size()+padding))
	must(t, f.Close())
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.Rename(f.Name(), path))
	b.waitClips(1)
	res := b.do(t.Context(), "GET", "/clips/"+b.paths()["front/large.mp4"]+"/large.mp4")
	defer res.Body.Close()
	b.change(`{"name":"shed"}`)
	if c := b.config(); c.Config.Name != "shed" {
		t.Errorf("the name is %q", c.Config.Name)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n != info.Size()+padding {
		t.Errorf("%d of %d bytes arrived: %v", n, info.Size()+padding, err)
	}
	must(t, b.stop())
}

// An address that nobody confirms is not there after a crash; one that is confirmed, over it, stays.
func TestAnotherAddressMustBeConfirmed(t *testing.T) {
	b := startWith(t, "[mqtt]\nbroker = \"none\"\n")
	before, port := b.url, freePort(t)
	patch := fmt.Sprintf(`{"http":{"listen":"127.0.0.1:%d"}}`, port)
	b.change(patch)
	if c := b.config(); b.url == before || c.ConfirmWithin == nil || *c.ConfirmWithin > 120 {
		t.Fatalf("the box is at %s: %+v", b.url, c)
	}
	if _, err := http.Get(before + "/healthz"); err == nil {
		t.Error("it still answers at the address before")
	}
	b.kill()
	b.startAgain()
	if c := b.config(); b.url != before || c.ConfirmWithin != nil || c.Undone == "" {
		t.Fatalf("after a crash the box is at %s: %+v", b.url, c)
	}

	b.change(patch)
	res := b.do(t.Context(), "POST", "/api/v1/config/confirm")
	res.Body.Close()
	if res.StatusCode != 204 {
		t.Fatalf("confirming: %s", res.Status)
	}
	now := b.url
	b.kill()
	b.startAgain()
	if b.url != now {
		t.Errorf("confirmed was %s, after a crash it is %s", now, b.url)
	}
}

// Who thinks better of it has the box back where it was.
func TestAnotherAddressUndone(t *testing.T) {
	b := startWith(t, "[mqtt]\nbroker = \"none\"\n")
	before := b.url
	b.change(fmt.Sprintf(`{"http":{"listen":"127.0.0.1:%d"}}`, freePort(t)))
	req, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/api/v1/config/confirm", strings.NewReader(`{"keep":false}`))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+b.token())
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	res.Body.Close()
	b.ready()
	if b.url != before || b.config().Undone == "" {
		t.Errorf("the box is at %s: %+v", b.url, b.config())
	}
}

// A flag stands above what is saved, so saving is refused with its name; a file for admins has the log.
func TestAFlagIsNotOverruledAndTheLogIsTold(t *testing.T) {
	b := startBox(t, "-broker", "none")
	if status, body := b.put(`{"http":{"listen":":1"}}`); status != 400 || !strings.Contains(body, "-listen") {
		t.Errorf("got %d %s", status, body)
	}
	res := b.do(t.Context(), "GET", "/api/v1/log")
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	if !strings.Contains(string(text), "msg=ready ") {
		t.Errorf("the log is %s", text)
	}
}

func TestHangUpReadsTheConfigurationAgain(t *testing.T) {
	b := startWith(t, "name = \"porch\"\n[mqtt]\nbroker = \"none\"\n")
	file := filepath.Join(b.dir, "clipd.toml")
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, append([]byte("nmae = 1\n"), text...), 0o600))
	must(t, b.cmd.Process.Signal(syscall.SIGHUP))
	b.log("did you mean name?")
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), "porch", "shed", 1)), 0o600))
	must(t, b.cmd.Process.Signal(syscall.SIGHUP))
	b.ready()
	if c := b.config(); c.Config.Name != "shed" || b.cmd.ProcessState != nil {
		t.Errorf("the name is %q", c.Config.Name)
	}
}

// systemd hears that the box starts over, and when it is ready again.
func TestSystemdIsToldOfAChangeOfSettings(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	b := newBox(t)
	cmd := exec.Command(binary, "-dir", b.dir, "-listen", "127.0.0.1:0", "-broker", "none")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	b.run(cmd)
	hear(t, conn, "READY=1")
	b.ready()
	b.change(`{"name":"shed"}`)
	hear(t, conn, "RELOADING=1")
	hear(t, conn, "READY=1")
}
