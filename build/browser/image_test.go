package browser

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// image is a box whose system is its own to change, below a folder, and the program of root that does it. What systemd
// does there, starting clipd-boot when clipd wishes something, the test does; programs that a system has are stand-ins
// that note what they are told.
type image struct {
	*box
	system string
	boot   string // clipd-boot
	path   string // of the stand-ins
}

const (
	recorderEnv = "etc/clipd/recorder.env"
	profiles    = "etc/NetworkManager/system-connections"
)

// imagePrograms builds, once, a clipd whose system is where the link beside it leads, and clipd-boot.
var imagePrograms = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(binary), "image")
	return dir, errors.Join(build(filepath.Join(dir, "clipd"), "clipd", "-X main.system="+filepath.Join(dir, "system")), build(filepath.Join(dir, "clipd-boot"), "clipd-boot"))
})

func newImage(t *testing.T) *image {
	t.Helper()
	programs, system := t.TempDir(), t.TempDir()
	built, err := imagePrograms()
	if err != nil {
		t.Fatal(err)
	}
	i := &image{box: &box{t: t, addr: "127.0.0.1:0", dir: filepath.Join(system, "var/lib/clipd"), clipd: filepath.Join(built, "clipd")},
		system: system, boot: filepath.Join(built, "clipd-boot"), path: programs}
	link := filepath.Join(built, "system")
	i.must(errors.Join(os.RemoveAll(link), os.Symlink(system, link)))
	shipped, err := os.ReadFile("../../systemd/recorder.env")
	i.must(err)
	i.put(recorderEnv, string(shipped)+"WIDTH=640\n")
	i.put("usr/lib/clipd/image/marker", "")
	i.must(os.MkdirAll(i.dir, 0o750))
	for _, name := range []string{"nmcli", "systemctl", "iw", "rfkill"} {
		i.must(os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\necho \"${0##*/} $*\" >>"+i.told()+"\n"), 0o755))
	}
	t.Cleanup(i.stop)
	i.start()
	return i
}

func (i *image) put(path, text string) {
	i.t.Helper()
	to := filepath.Join(i.system, path)
	i.must(errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, []byte(text), 0o644)))
}

// text is what is in a file of the system, "" if there is none.
func (i *image) text(path string) string {
	text, _ := os.ReadFile(filepath.Join(i.system, path))
	return string(text)
}

// told is where the stand-ins note what they are told.
func (i *image) told() string { return filepath.Join(i.path, "told") }

// asRoot starts clipd-boot as its units do, with "apply" or "take" and options before it.
func (i *image) asRoot(words ...string) *work {
	i.t.Helper()
	w := &work{i: i, cmd: exec.Command(i.boot, append([]string{"-root", i.system}, words...)...)}
	w.cmd.Env = append(os.Environ(), "PATH="+i.path+":"+os.Getenv("PATH"))
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	i.must(w.cmd.Start())
	i.t.Cleanup(w.kill)
	return w
}

// work is a clipd-boot that runs.
type work struct {
	i   *image
	cmd *exec.Cmd
	out strings.Builder
}

// ends waits for it.
func (w *work) ends() {
	w.i.t.Helper()
	if err := w.cmd.Wait(); err != nil {
		w.i.t.Fatalf("%q: %v\n%s", w.cmd.Args, err, w.out.String())
	}
}

// kill ends it as a power cut does, if it still runs.
func (w *work) kill() {
	if w.cmd.ProcessState == nil {
		w.cmd.Process.Kill()
		w.cmd.Wait()
	}
}

const (
	inForce = `document.querySelector(".done")?.textContent.includes("in force")`
	pending = `document.querySelector("[role=status] h2")?.textContent === "The settings are being put in force"`
	onTrial = `document.querySelector("#keep")?.textContent === "Keep the new settings?"`
)

// fill writes into a field of the settings.
func (t *tab) fill(id, value string) {
	t.t.Helper()
	t.eval(`document.getElementById(`+quote(id)+`).value = `+quote(value), nil)
}

// from waits until a field has a value, and says where it comes from.
func (t *tab) from(id, value, from string) {
	t.t.Helper()
	t.wait(`document.getElementById(` + quote(id) + `)?.value === ` + quote(value) + ` && document.getElementById(` + quote(id+"-from") + `).textContent.startsWith(` + quote(from) + `)`)
}

// TestRecorderOfTheImage: an admin changes it on the page, root writes its file and starts it anew, and the page says where
// each value comes from.
func TestRecorderOfTheImage(t *testing.T) {
	i := newImage(t)
	tab := i.newTab()
	tab.allow("400")
	tab.signIn("admin")
	tab.open("/settings")
	tab.from("recorder.width", "640", "recorder.env, line ")
	tab.from("recorder.fps", "15", "default")
	tab.fill("recorder.source", "auto\"; $(id)")
	tab.click("#recorder button[value=save]")
	tab.wait(`document.getElementById("recorder.source").getAttribute("aria-invalid") === "true"`)
	tab.fill("recorder.source", "rtsp://kim:sesame@camera/live?a=1&b=2")
	tab.fill("recorder.fps", "10")
	tab.fill("recorder.width", "")
	tab.click("#recorder button[value=save]")
	tab.wait(pending)
	i.asRoot("apply").ends()
	tab.wait(inForce)
	tab.from("recorder.fps", "10", "recorder.env, line ")
	tab.from("recorder.width", "1280", "default")
	tab.from("recorder.source", "rtsp://kim:xxxxx@camera/live?a=1&b=2", "recorder.env, line ")
	env := i.text(recorderEnv)
	if !strings.Contains(env, "\n#FPS=15\nFPS=10\n") || !strings.Contains(env, "\nSOURCE=\"rtsp://kim:sesame@camera/live?a=1&b=2\"\n") || strings.Contains(env, "\nWIDTH") {
		t.Errorf("recorder.env is\n%s", env)
	}
	told, err := os.ReadFile(i.told())
	i.must(err)
	if string(told) != "systemctl --no-block try-restart clipd-recorder@*.service\n" {
		t.Errorf("the system was told\n%s", told)
	}
}

// TestWifiOfTheImage: another network waits to be kept, and is undone unless somebody does. Its password is never shown.
func TestWifiOfTheImage(t *testing.T) {
	i := newImage(t)
	tab := i.newTab()
	tab.signIn("admin")
	join := func(ssid string) {
		t.Helper()
		tab.open("/settings")
		tab.fill("wifi.ssid", ssid)
		tab.fill("wifi.password", "sesame open")
		tab.click("#wifi button[value=save]")
		tab.wait(pending)
	}
	join("Häusl <b>5</b>")
	trial := i.asRoot("apply")
	tab.wait(onTrial)
	tab.checked(axe(t), "/settings")
	tab.click("button[value=keep]")
	trial.ends()
	tab.wait(inForce)
	tab.from("wifi.ssid", "Häusl <b>5</b>", "saved here")
	tab.wait(`document.getElementById("wifi.password").value === "" && !document.documentElement.outerHTML.includes("sesame")`)
	kept := i.text(profiles + "/clipd-wifi.nmconnection")
	if !strings.Contains(kept, "psk=sesame open\n") {
		t.Errorf("the profile is\n%s", kept)
	}
	if answer := i.read("/api/v1/config"); strings.Contains(answer, "sesame") || !strings.Contains(answer, `"wifi":{"country":"","ssid":"Häusl \u003cb\u003e5`) && !strings.Contains(answer, `"ssid":"Häusl <b>5</b>"`) {
		t.Errorf("/api/v1/config: %s", answer)
	}
	for _, undo := range []string{"somebody undid them", "nobody confirmed them"} {
		join("Nowhere")
		if undo == "somebody undid them" {
			trial = i.asRoot("apply")
			tab.wait(onTrial)
			tab.click("button[value=undo]")
			trial.ends()
			tab.open("/settings")
		} else {
			i.asRoot("-within", "1s", "apply").ends()
		}
		tab.wait(`[...document.querySelectorAll("[role=status]")].some(e => e.textContent.includes("The last settings were undone: ` + undo + `"))`)
		tab.from("wifi.ssid", "Häusl <b>5</b>", "saved here")
		if got := i.text(profiles + "/clipd-wifi.nmconnection"); got != kept {
			t.Errorf("%s, and the profile is\n%s", undo, got)
		}
	}
}

// TestAPowerCutUndoesAWifi: what the board was in the middle of is undone by its next start, and the page says so.
func TestAPowerCutUndoesAWifi(t *testing.T) {
	i := newImage(t)
	tab := i.newTab()
	tab.signIn("admin")
	tab.open("/settings")
	tab.fill("wifi.ssid", "Nowhere")
	tab.click("#wifi button[value=save]")
	tab.wait(pending)
	trial := i.asRoot("apply")
	tab.wait(onTrial)
	if i.text(profiles+"/clipd-wifi.nmconnection") == "" {
		t.Fatal("there is no profile to undo")
	}
	i.stop()
	trial.kill()
	i.asRoot("take").ends()
	i.start()
	tab.open("/settings")
	tab.wait(`document.querySelector("main").textContent.includes("The last settings were undone: the box was started anew before they were confirmed")`)
	tab.from("wifi.ssid", "", "default")
	if got := i.text(profiles + "/clipd-wifi.nmconnection"); got != "" {
		t.Errorf("the profile is\n%s", got)
	}
}

// TestOnlyAdminsOfTheImage: others see and change nothing of it, by page or by request; and what is no image has no such
// settings.
func TestOnlyAdminsOfTheImage(t *testing.T) {
	i := newImage(t)
	for _, role := range []string{"viewer", "operator"} {
		tab := i.newTab()
		tab.allow("403")
		tab.signIn(role)
		tab.open("/settings")
		tab.wait(`document.querySelector("main").textContent.includes("This needs the role admin") && !document.querySelector("#wifi, #recorder")`)
		for _, options := range []string{`{}`, `{ method: "PUT", body: '{"wifi":{"ssid":"x"}}' }`} {
			var status int
			if tab.eval(`fetch("/api/v1/config", `+options+`).then(r => r.status)`, &status); status != 403 {
				t.Errorf("%s: %s answers %d", role, options, status)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(i.dir, "state", "wish.json")); err == nil {
		t.Error("something was wished")
	}
	admin := i.newTab()
	admin.signIn("admin")
	admin.checked(axe(t), "/settings")
	other := newBox(t)
	tab := other.newTab()
	tab.signIn("admin")
	tab.open("/settings")
	tab.wait(`!!document.querySelector("#network") && !document.querySelector("#wifi, #recorder")`)
	if got := other.ask(other.admin, "PUT", "/api/v1/config", `{"wifi":{"ssid":"x"}}`, nil); got != 400 {
		t.Errorf("PUT answers %d", got)
	}
}
