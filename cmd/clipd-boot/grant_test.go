package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clipd/device/wish"
)

const recorderEnv = "# by hand\n#WIDTH=1280\nFPS=25\nROOT=/mnt/disk\n"

// newImage is a board that is ours to change, with a network of the boot partition and a recorder's settings.
func newImage(t *testing.T) *board {
	t.Helper()
	d := newBoard(t)
	d.within = time.Hour
	for path, text := range map[string]string{wish.Marker: "", wish.RecorderFile: recorderEnv,
		firmwareDir + "/clipd.toml": "[first_boot]\nwifi_ssid = \"Häusl 5\"\nwifi_password = \"of the old one\"\nwifi_country = \"AT\"\n"} {
		if err := os.MkdirAll(filepath.Dir(d.at(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		d.write(path, text)
	}
	d.mustTake()
	d.calls = nil
	return d
}

// wishes leaves a wish as clipd does.
func (d *board) wishes(w wish.Wish) {
	d.t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := place(filepath.Join(d.at(stateDir), wish.File), string(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *board) told() (a wish.Answer) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.text(stateDir+"/"+wish.AnswerFile)), &a); err != nil {
		d.t.Fatal(err)
	}
	return a
}

func (d *board) mustGrant() {
	d.t.Helper()
	if err := d.grant(); err != nil {
		d.t.Fatal(err)
	}
	if d.there(stateDir + "/" + wish.File) {
		d.t.Error("the wish is still there, and would be granted for ever")
	}
}

func (d *board) profile() string {
	d.t.Helper()
	return d.text(profiles + "/clipd-wifi.nmconnection")
}

// other is another network than the one that newImage has.
func other(id string) wish.Wish {
	password := `eight or "more" \ #;`
	return wish.Wish{ID: id, Wifi: &wish.Wifi{SSID: "Shed", Password: &password, Country: "DE"}}
}

// tried is a trial under way: step comes when it begins, ended when it is over.
func (d *board) tried(w wish.Wish) (ended chan error) {
	d.t.Helper()
	d.wishes(w)
	begun := make(chan struct{})
	d.out = signal{begun}
	ended = make(chan error, 1)
	go func() { ended <- d.grant() }()
	select {
	case <-begun:
	case err := <-ended:
		d.t.Fatalf("no trial: %v, %+v", err, d.told())
	case <-time.After(time.Minute):
		d.t.Fatal("no trial")
	}
	return ended
}

// signal is closed by the line that says so.
type signal struct{ begun chan struct{} }

func (s signal) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("on trial")) {
		close(s.begun)
	}
	return len(p), nil
}

func (d *board) over(ended chan error) {
	d.t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			d.t.Fatal(err)
		}
	case <-time.After(time.Minute):
		d.t.Fatal("the trial does not end")
	}
}

// isBefore fails unless everything is as newImage left it.
func (d *board) isBefore(profile string) {
	d.t.Helper()
	if d.profile() != profile || d.text(regdomFile) != regdomKey+"AT\n" || d.there(profiles+"/"+beforeFile) {
		d.t.Errorf("the profile is\n%s\nthe country %s", d.profile(), d.text(regdomFile))
	}
}

func TestTheRecorderIsSet(t *testing.T) {
	d := newImage(t)
	width, source := "1920", "rtsp://kim:sesame@cam/?a=1&b=2"
	d.wishes(wish.Wish{ID: "1", Recorder: map[string]*string{"width": &width, "source": &source, "fps": nil}})
	d.mustGrant()
	want := "# by hand\n#WIDTH=1280\nWIDTH=1920\nROOT=/mnt/disk\nSOURCE=\"rtsp://kim:sesame@cam/?a=1&b=2\"\n"
	if got := d.text(wish.RecorderFile); got != want || d.mode(wish.RecorderFile).Perm() != 0o640 {
		t.Errorf("with mode %v it holds\n%s", d.mode(wish.RecorderFile), got)
	}
	if got := strings.Join(d.calls, "\n"); got != "systemctl --no-block try-restart clipd-recorder@*.service" {
		t.Errorf("called:\n%s", got)
	}
	if a := d.told(); a.ID != "1" || a.State != wish.Done || a.Wifi != (wish.Network{SSID: "Häusl 5", Country: "AT", From: wish.BootPartition}) {
		t.Errorf("the answer is %+v", a)
	}
}

// Whoever holds the box may write any wish; what clipd would have refused is refused here too.
func TestHostileWishesChangeNothing(t *testing.T) {
	d := newImage(t)
	profile := d.profile()
	shadow := filepath.Join(d.root, "etc", "shadow")
	if err := os.WriteFile(shadow, []byte(`{"id":"1","recorder":{"fps":"7"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.at(stateDir), wish.File)
	for what, put := range map[string]func() error{
		"a line more": func() error {
			return os.WriteFile(path, []byte(`{"id":"1","recorder":{"source":"auto\nROOT=/etc"}}`), 0o600)
		},
		"a command": func() error {
			return os.WriteFile(path, []byte(`{"id":"1","recorder":{"device":"/dev/$(id)"}}`), 0o600)
		},
		"another key":  func() error { return os.WriteFile(path, []byte(`{"id":"1","recorder":{"root":"/etc"}}`), 0o600) },
		"a key of env": func() error { return os.WriteFile(path, []byte(`{"id":"1","recorder":{"LD_PRELOAD":"/x"}}`), 0o600) },
		"a NUL": func() error {
			return os.WriteFile(path, []byte(`{"id":"1","wifi":{"ssid":"x\u0000","password":"eight or more"}}`), 0o600)
		},
		"a key of NM": func() error {
			return os.WriteFile(path, []byte(`{"id":"1","wifi":{"ssid":"x","password":"eight or more\n[vpn]\na=b"}}`), 0o600)
		},
		"a country": func() error {
			return os.WriteFile(path, []byte(`{"id":"1","wifi":{"ssid":"x","country":"AT\ninstall x /bin/sh"}}`), 0o600)
		},
		"one part of two": func() error {
			return os.WriteFile(path, []byte(`{"id":"1","recorder":{"fps":"7"},"wifi":{"ssid":"x\n"}}`), 0o600)
		},
		"no JSON":  func() error { return os.WriteFile(path, []byte(`{"id":`), 0o600) },
		"no id":    func() error { return os.WriteFile(path, []byte(`{"recorder":{"fps":"7"}}`), 0o600) },
		"too much": func() error { return os.WriteFile(path, bytes.Repeat([]byte(" "), wish.MaxFile+1), 0o600) },
		"a link":   func() error { return os.Symlink(shadow, path) },
		"a pipe":   func() error { return unix.Mkfifo(path, 0o600) },
		"a folder": func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		d.mustGrant()
		if a := d.told(); a.State != wish.Refused || a.Problem == "" {
			t.Errorf("%s is answered %+v", what, a)
		}
		if d.text(wish.RecorderFile) != recorderEnv {
			t.Errorf("%s: recorder.env holds\n%s", what, d.text(wish.RecorderFile))
		}
		d.isBefore(profile)
	}
	if len(d.calls) > 0 {
		t.Errorf("called: %q", d.calls)
	}
	d.mustGrant() // nothing is wished
}

func TestAConfirmedWifiStays(t *testing.T) {
	d := newImage(t)
	ended := d.tried(other("1"))
	if a := d.told(); a.ID != "1" || a.State != wish.OnTrial || a.Until-sinceBoot() < 3000 || a.Wifi != (wish.Network{SSID: "Shed", Country: "DE", From: wish.Dashboard}) {
		t.Errorf("on trial: %+v", a)
	}
	if strings.Contains(d.text(stateDir+"/"+wish.AnswerFile), "eight") || d.there(stateDir+"/"+wish.File) {
		t.Error("the password stands in the state folder")
	}
	d.wishes(wish.Wish{ID: "1", Verdict: wish.Keep})
	d.over(ended)
	if a := d.told(); a.State != wish.Done || d.there(profiles+"/"+beforeFile) {
		t.Errorf("kept: %+v", a)
	}
	for _, want := range []string{"ssid=83;104;101;100;\n", `psk=eight or "more" \\ #;` + "\n"} {
		if !strings.Contains(d.profile(), want) {
			t.Errorf("the profile lacks %q:\n%s", want, d.profile())
		}
	}
	if p := d.mode(profiles + "/clipd-wifi.nmconnection").Perm(); p != 0o600 {
		t.Errorf("its mode is %v", p)
	}
	if got := strings.Join(d.calls, "\n"); !strings.Contains(got, "nmcli connection reload\nnmcli --wait 45 connection up id clipd-wifi") || !strings.Contains(got, "iw reg set DE") {
		t.Errorf("called:\n%s", got)
	}
	// The password that the box has stays where only the name changes.
	ended = d.tried(wish.Wish{ID: "2", Wifi: &wish.Wifi{SSID: "Barn"}})
	d.wishes(wish.Wish{ID: "2", Verdict: wish.Keep})
	d.over(ended)
	if !strings.Contains(d.profile(), `psk=eight or "more" \\ #;`) || d.told().Wifi != (wish.Network{SSID: "Barn", Country: "DE", From: wish.Dashboard}) {
		t.Errorf("%+v\n%s", d.told(), d.profile())
	}
	none := ""
	ended = d.tried(wish.Wish{ID: "3", Wifi: &wish.Wifi{SSID: "Free", Password: &none}})
	d.wishes(wish.Wish{ID: "3", Verdict: wish.Keep})
	d.over(ended)
	if strings.Contains(d.profile(), "psk") {
		t.Errorf("an open network has\n%s", d.profile())
	}
}

func TestAWifiIsUndone(t *testing.T) {
	for what, tt := range map[string]struct {
		prepare func(*board)
		verdict func(*board)
		want    string
	}{
		"in time":         {func(d *board) { d.within = 20 * time.Millisecond }, func(*board) {}, "within two minutes"},
		"by somebody":     {func(*board) {}, func(d *board) { d.wishes(wish.Wish{ID: "1", Verdict: wish.Undo}) }, "somebody"},
		"by another's":    {func(*board) {}, func(d *board) { d.wishes(wish.Wish{ID: "2", Verdict: wish.Keep}) }, "somebody"},
		"by another wish": {func(*board) {}, func(d *board) { d.wishes(wish.Wish{ID: "2", Verdict: "?"}) }, "somebody"},
	} {
		t.Run(what, func(t *testing.T) {
			d := newImage(t)
			profile := d.profile()
			tt.prepare(d)
			ended := d.tried(other("1"))
			tt.verdict(d)
			d.over(ended)
			d.isBefore(profile)
			if a := d.told(); a.ID != "1" || a.State != wish.Undone || !strings.Contains(a.Problem, tt.want) || a.Wifi.SSID != "Häusl 5" {
				t.Errorf("the answer is %+v", a)
			}
			if last := d.calls[len(d.calls)-1]; last != "nmcli --wait 45 connection up id clipd-wifi" {
				t.Errorf("at the end it called %q", last)
			}
		})
	}
}

// A network that cannot be joined is given up at once.
func TestAWifiThatRefusesIsUndoneAtOnce(t *testing.T) {
	d := newImage(t)
	profile, call := d.profile(), d.call
	d.call = func(name string, args ...string) (string, error) {
		if text := d.profile(); name == "nmcli" && args[0] == "--wait" && strings.Contains(text, "83;104") {
			return "", errors.New("Secrets were required, but not provided")
		}
		return call(name, args...)
	}
	d.wishes(other("1"))
	d.mustGrant()
	d.isBefore(profile)
	if a := d.told(); a.State != wish.Undone || !strings.Contains(a.Problem, "Secrets were required") {
		t.Errorf("the answer is %+v", a)
	}
}

// cut is what ends clipd-boot where it stands.
type cut struct{}

// Whatever ends a trial, a crash of clipd-boot or of the board, leads back to the Wi-Fi before.
func TestACrashDuringATrialUndoesIt(t *testing.T) {
	for what, again := range map[string]func(*board){"started again": (*board).mustGrant, "after a boot": (*board).mustTake} {
		for _, after := range []string{"iw", "nmcli", "trial"} {
			t.Run(what+" "+after, func(t *testing.T) {
				d := newImage(t)
				profile := d.profile()
				func() {
					defer func() {
						if r := recover(); r != (cut{}) {
							panic(r)
						}
					}()
					call := d.call
					defer func() { d.call, d.out = call, &d.said }()
					d.call = func(name string, args ...string) (string, error) {
						if name == after {
							panic(cut{})
						}
						return call(name, args...)
					}
					d.out = panics{}
					d.wishes(other("1"))
					_ = d.grant()
				}()
				if d.profile() == profile && after != "iw" {
					t.Error("nothing had changed yet")
				}
				if err := d.dropWish(); err != nil { // else it is granted again, which is another test
					t.Fatal(err)
				}
				again(d)
				d.isBefore(profile)
				if a := d.told(); a.State != wish.Undone || a.Problem != lostTrial {
					t.Errorf("the answer is %+v", a)
				}
			})
		}
	}
}

// panics when it is told that a trial begins.
type panics struct{}

func (panics) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("on trial")) {
		panic(cut{})
	}
	return len(p), nil
}

// A wish that a crash left is granted by the next start; a verdict that came too late is not.
func TestAWishOutlivesACrash(t *testing.T) {
	d := newImage(t)
	if err := d.keepBefore(); err != nil {
		t.Fatal(err)
	}
	ended := d.tried(other("1"))
	d.wishes(wish.Wish{ID: "1", Verdict: wish.Keep})
	d.over(ended)
	if a := d.told(); a.State != wish.Done {
		t.Errorf("granted after a crash: %+v", a)
	}
	profile := d.profile()
	d.wishes(wish.Wish{ID: "1", Verdict: wish.Keep}) // the crash came between the end of the trial and its answer
	d.mustGrant()
	if a := d.told(); a.State != wish.Done || d.profile() != profile {
		t.Errorf("kept before a crash: %+v", a)
	}
	if err := d.keepBefore(); err != nil {
		t.Fatal(err)
	}
	d.wishes(wish.Wish{ID: "1", Verdict: wish.Keep})
	d.mustGrant()
	if a := d.told(); a.State != wish.Undone || a.Problem != lostTrial {
		t.Errorf("kept after a crash: %+v", a)
	}
}

func TestTheFirstWifiIsTakenAwayAgain(t *testing.T) {
	d := newBoard(t)
	d.within, d.again = 20*time.Millisecond, "/var/lib/clipd/system"
	d.over(d.tried(other("1")))
	if d.there(profiles+"/clipd-wifi.nmconnection") || d.there(regdomFile) || d.there(d.again+"/wifi_country") {
		t.Error("the network is still there")
	}
	if d.there(wish.Marker) {
		t.Fatal("this is no image")
	}
	d.mustTake()
	if a := d.told(); a.State != wish.Undone { // a board that is not ours is told nothing at boot
		t.Errorf("the answer is %+v", a)
	}
}
