package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const whole = `# my box
name = "porch"

[first_boot]
wifi_ssid = "Häusl 5"
wifi_password = "pass \\ word"
wifi_country = "AT"
hostname = "porch"
token = "correct horse battery"
mqtt_password = "mosquito-net"
ssh_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHFs me@there"
time_zone = "Europe/Vienna"

[keep]
free = "10%" # of the card
`

var secrets = []string{"first_boot", "pass", "correct horse", "mosquito-net", "ssh-ed25519"}

func TestTheFileComesIntoPlace(t *testing.T) {
	for _, name := range []string{"clipd.toml", "clipd.toml.txt"} {
		for editor, text := range map[string]string{"plain": whole, "of Windows": "\ufeff" + strings.ReplaceAll(whole, "\n", "\r\n")} {
			t.Run(name+" "+editor, func(t *testing.T) {
				d := newBoard(t)
				d.write(firmwareDir+"/"+name, text)
				d.mustTake()
				if d.there(firmwareDir + "/" + name) {
					t.Error("the file is still on the boot partition")
				}
				kept := d.text(configFile)
				if d.mode(configFile).Perm() != 0o600 {
					t.Errorf("it is kept with mode %v", d.mode(configFile))
				}
				if !strings.Contains(kept, "# my box\nname = \"porch\"\n") || !strings.Contains(kept, "free = \"10%\" # of the card\n") {
					t.Errorf("kept:\n%s", kept)
				}
				for _, s := range secrets {
					if strings.Contains(kept, s) {
						t.Errorf("%q is in the kept copy", s)
					}
				}
			})
		}
	}
}

func TestFirstBootIsSet(t *testing.T) {
	d := newBoard(t)
	d.again = "/var/lib/clipd/system"
	d.write(firmwareDir+"/clipd.toml", whole)
	d.write("/etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
	d.mustTake()
	for path, want := range map[string]string{
		"/etc/hostname":                   "porch\n",
		"/etc/hosts":                      "127.0.0.1\tlocalhost\n127.0.1.1\tporch\n",
		"/etc/timezone":                   "Europe/Vienna\n",
		"/etc/modprobe.d/clipd-wifi.conf": "options cfg80211 ieee80211_regdom=AT\n",
		credentials + "/mqtt-password":    "mosquito-net\n",
		stateDir + "/mqtt-password":       "mosquito-net\n",
		"/root/.ssh/authorized_keys":      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHFs me@there\n",
		d.again + "/hostname":             "porch\n",
		d.again + "/time_zone":            "Europe/Vienna\n",
	} {
		if got := d.text(path); got != want {
			t.Errorf("%s holds %q, not %q", path, got, want)
		}
	}
	if to, err := os.Readlink(d.at("/etc/localtime")); to != "/usr/share/zoneinfo/Europe/Vienna" {
		t.Errorf("/etc/localtime -> %q, %v", to, err)
	}
	wifi := d.text(profiles + "/clipd-wifi.nmconnection")
	for _, want := range []string{"ssid=72;195;164;117;115;108;32;53;\n", `psk=pass \\ word` + "\n", "powersave=2\n"} {
		if !strings.Contains(wifi, want) {
			t.Errorf("the profile lacks %q:\n%s", want, wifi)
		}
	}
	if p := d.mode(profiles + "/clipd-wifi.nmconnection").Perm(); p != 0o600 {
		t.Errorf("the profile has mode %v; NetworkManager reads it with 0600 alone", p)
	}
	if tok, ok := d.tokens().Check("correct horse battery"); !ok || tok.Name != chosenToken {
		t.Errorf("the chosen token is %+v, %v", tok, ok)
	}
	if called := strings.Join(d.calls, "\n"); !strings.Contains(called, "hostname porch") || strings.Contains(called, "ssh") {
		t.Errorf("called:\n%s", called)
	}
}

// Where /etc remembers, ssh may be off; an image starts it by itself.
func TestAKeyTurnsSSHOn(t *testing.T) {
	d := newBoard(t)
	d.write(firmwareDir+"/clipd.toml", whole)
	d.mustTake()
	if called := strings.Join(d.calls, "\n"); !strings.Contains(called, "enable --now ssh") {
		t.Errorf("called:\n%s", called)
	}
}

// A later boot, on a system whose /etc is new every time.
func TestWhatEtcForgetsIsSetAgain(t *testing.T) {
	d := newBoard(t)
	d.again = "/var/lib/clipd/system"
	d.write(firmwareDir+"/clipd.toml", whole)
	d.mustTake()
	if err := errors.Join(os.Remove(d.at("/etc/hostname")), os.Remove(d.at("/etc/localtime"))); err != nil {
		t.Fatal(err)
	}
	d.mustTake()
	if got := d.text("/etc/hostname"); got != "porch\n" || !d.there("/etc/localtime") {
		t.Errorf("after a second boot the host name is %q", got)
	}
}

// A file of settings for the first boot alone leaves the configuration in use as it is.
func TestNoSettingsLeaveTheConfiguration(t *testing.T) {
	d := newBoard(t)
	if err := place(d.at(configFile), "name = \"before\"\n", 0o600); err != nil {
		t.Fatal(err)
	}
	d.write(firmwareDir+"/clipd.toml", "[first_boot]\nhostname = \"porch\"\n")
	d.mustTake()
	if got := d.text(configFile); got != "name = \"before\"\n" {
		t.Errorf("the configuration became %q", got)
	}
}

func TestWhatIsWrongIsToldAndKept(t *testing.T) {
	for _, tt := range []struct{ what, text, want, host string }{
		{"broken", "name = \n[first_boot]\nhostname = \"porch\"\n", "line 1", ""},
		{"unknown key", "[first_boot]\nhostname = \"porch\"\n\n[http]\nlisen = \":80\"\n", "clipd.toml:5: http.lisen: unknown key; did you mean http.listen?", "porch\n"},
		{"unknown key of first_boot", "[first_boot]\nhostname = \"porch\"\nwifi = \"x\"\n", "first_boot.wifi: unknown key; there are: wifi_ssid", "porch\n"},
		{"wrong value", "[first_boot]\nhostname = \"porch\"\ntime_zone = \"Mars\"\n", "no time zone", "porch\n"},
		{"short token", "[first_boot]\ntoken = \"secret\"\n", "at least 16 characters", ""},
		{"short Wi-Fi password", "[first_boot]\nwifi_ssid = \"a\"\nwifi_password = \"b\"\n", "8 to 63", ""},
		{"no text", "\xff\xfen\x00a\x00", "UTF-8", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			d := newBoard(t)
			d.write(firmwareDir+"/clipd.toml", tt.text)
			err := d.take()
			if !errors.Is(err, errWritten) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if d.text(firmwareDir+"/clipd.toml") != tt.text || d.there(configFile) || d.there(configFile+".new") {
				t.Error("the file was not left as it was, or something of it came into place")
			}
			if got := d.text(stateDir + "/" + problemFile); !strings.Contains(got, tt.want) {
				t.Errorf("clipd is told %q", got)
			}
			if got, _ := read(d.at("/etc/hostname")); got != tt.host {
				t.Errorf("the host name is %q, want %q", got, tt.host)
			}
			if err := d.log(); err != nil || !strings.Contains(d.text(firmwareDir+"/clipd.log"), tt.want) {
				t.Errorf("clipd.log says (%v):\n%s", err, d.text(firmwareDir+"/clipd.log"))
			}
			d.write(firmwareDir+"/clipd.toml", "name = \"mended\"\n")
			d.mustTake()
			if d.there(stateDir + "/" + problemFile) {
				t.Error("mended, and the problem is still told")
			}
		})
	}
}

// A data partition that cannot be written keeps everything on the boot partition.
func TestNothingIsErasedThatWasNotKept(t *testing.T) {
	d := newBoard(t)
	d.write("/etc/clipd", "a file where the folder should be")
	d.write(firmwareDir+"/clipd.toml", whole)
	if err := d.take(); err == nil {
		t.Error("it says that all is well")
	}
	if d.text(firmwareDir+"/clipd.toml") != whole {
		t.Error("the only copy is gone")
	}
}

// The settings of a table in any form of TOML are taken out.
func TestOtherFormsOfTheTable(t *testing.T) {
	for _, text := range []string{
		"first_boot = {hostname = \"porch\", token = \"correct horse battery\"}\nname = \"x\"\n",
		"first_boot.hostname = \"porch\"\nfirst_boot.token = \"correct horse battery\"\nname = \"x\"\n",
		"name = \"x\"\n[ first_boot ]\nhostname = \"porch\"\ntoken = \"\"\"\n[http]correct horse battery\"\"\"\n",
		"name = \"x\"\n[\"first_boot\"]\nhostname = \"porch\"\n",
	} {
		first, rest, err := split(text)
		if err != nil || first.Hostname != "porch" {
			t.Errorf("%q: host name %q, %v", text, first.Hostname, err)
		}
		if strings.Contains(rest, "porch") || strings.Contains(rest, "horse") || !strings.Contains(rest, "name = \"x\"") {
			t.Errorf("%q leaves %q", text, rest)
		}
	}
}

// What the kernel was asked for, in order: the kept copy is on its disk before the file on FAT is opened for writing, and
// its bytes are overwritten before it goes.
func TestKeptBeforeErased(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not installed; build/deps.sh test installs it")
		}
		t.Skip("strace is not installed")
	}
	if os.Getenv("CLIPD_BOOT_TEST_ROOT") != "" {
		d := newBoard(t)
		d.root = os.Getenv("CLIPD_BOOT_TEST_ROOT")
		d.mustTake()
		return
	}
	d := newBoard(t)
	d.write(firmwareDir+"/clipd.toml", whole)
	trace := filepath.Join(t.TempDir(), "trace")
	inside := exec.Command("strace", "-f", "-y", "-o", trace, "-e", "trace=openat,fsync,renameat,renameat2,rename,unlinkat,unlink,pwrite64",
		os.Args[0], "-test.run=^TestKeptBeforeErased$")
	inside.Env = append(os.Environ(), "CLIPD_BOOT_TEST_ROOT="+d.root)
	if out, err := inside.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, step := range []string{
		`fsync\([^\n]*clipd\.toml\.new\.tmp>`,
		`rename[^\n]*clipd\.toml\.new"[^\n]*clipd/clipd\.toml"`,
		`fsync\([^\n]*/etc/clipd>`,
		`openat[^\n]*boot/firmware/clipd\.toml"[^\n]*O_WRONLY`,
		`pwrite64[^\n]*boot/firmware/clipd\.toml>, "\\0`,
		`fsync\([^\n]*boot/firmware/clipd\.toml>`,
		`unlink[^\n]*boot/firmware/clipd\.toml"`,
		`fsync\([^\n]*boot/firmware>`,
	} {
		found := regexp.MustCompile(step).FindIndex(text[at:])
		if found == nil {
			t.Fatalf("after the step before, nothing matches %s", step)
		}
		at += found[1]
	}
}
