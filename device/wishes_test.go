package device

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/device/wish"
	"clipd/store"
)

// image is a system that is ours to change, without the program of root that does it: the test answers.
type image struct {
	t      *testing.T
	system string
	*box
}

func newImage(t *testing.T) *image {
	t.Helper()
	i := &image{t: t, system: t.TempDir()}
	i.put(wish.Marker, "")
	i.put(wish.RecorderFile, "# mine\nWIDTH=1920\nSOURCE=\"rtsp://kim:se%40same@cam:554/a?b=c\"\n")
	f := newFile(t, "")
	i.box = &box{settings: f.open(), cfg: f.open().take(), log: slog.New(slog.DiscardHandler)}
	i.wishes = openWishes(f.state, i.system, i.log)
	return i
}

func (i *image) put(path, text string) {
	i.t.Helper()
	to := filepath.Join(i.system, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, []byte(text), 0o600)); err != nil {
		i.t.Fatal(err)
	}
}

// wished is what waits to be granted.
func (i *image) wished() (w wish.Wish) {
	i.t.Helper()
	path := filepath.Join(i.wishes.state, wish.File)
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if fi, statErr := os.Stat(path); err != nil || statErr != nil || fi.Mode().Perm() != 0o600 || w.ID == "" {
		i.t.Fatalf("%v, %v, %+v", err, fi, w)
	}
	return w
}

// answers is what clipd-boot does with a wish.
func (i *image) answers(a wish.Answer) {
	i.t.Helper()
	text, err := json.Marshal(a)
	if err == nil {
		err = store.WriteFile(i.wishes.state, wish.AnswerFile, text, 0o600)
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(i.wishes.state, wish.File))
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

func (i *image) is(err error, problem string) {
	i.t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) || p.Type != problem {
		i.t.Errorf("got %v, want %s", err, problem)
	}
}

func TestOnlyTheImageHasRecorderAndWifi(t *testing.T) {
	f := newFile(t, "")
	if w := openWishes(f.state, t.TempDir(), nil); w != nil {
		t.Error("a system without the marker is ours")
	}
	b := &box{settings: f.open(), cfg: f.open().take()}
	if told := b.settingsTold(); told.Config["recorder"] != nil || told.Config["wifi"] != nil || told.Pending {
		t.Errorf("told: %+v", told)
	}
	for _, patch := range []string{`{"recorder":{"fps":10}}`, `{"wifi":{"ssid":"x"}}`} {
		var p *api.Problem
		if err := b.saveSettings([]byte(patch)); !errors.As(err, &p) || p.Type != api.BadRequest || !strings.Contains(p.Detail, "unknown key") {
			t.Errorf("%s: %v", patch, err)
		}
	}
}

func TestRecorderAndWifiAreTold(t *testing.T) {
	i := newImage(t)
	i.answers(wish.Answer{Wifi: wish.Network{SSID: "Shed", Country: "AT", From: wish.BootPartition}})
	told := i.settingsTold()
	recorder, wifi := told.Config["recorder"].(map[string]any), told.Config["wifi"].(map[string]any)
	if recorder["width"] != int64(1920) || recorder["fps"] != int64(15) || recorder["encoder"] != "auto" || recorder["source"] != "rtsp://kim:xxxxx@cam:554/a?b=c" {
		t.Errorf("the recorder is %v", recorder)
	}
	if wifi["ssid"] != "Shed" || wifi["country"] != "AT" || len(wifi) != 2 {
		t.Errorf("the Wi-Fi is %v", wifi)
	}
	for key, want := range map[string]string{"recorder.width": wish.RecorderFile + ":2", "recorder.fps": "", "wifi.ssid": wish.BootPartition, "wifi.country": wish.BootPartition} {
		if told.Sources[key] != want {
			t.Errorf("%s comes from %q", key, told.Sources[key])
		}
	}
	if i.cfg.Sources["recorder.width"] != "" {
		t.Error("telling changes the configuration")
	}
}

func TestAWishIsWrittenDown(t *testing.T) {
	i := newImage(t)
	i.answers(wish.Answer{Wifi: wish.Network{SSID: "Shed", Country: "AT"}})
	for patch, want := range map[string]string{
		`{"recorder":{"fps":10,"width":null,"encoder":"libx264"}}`:         `"recorder":{"encoder":"libx264","fps":"10","width":null}`,
		`{"recorder":{"source":"rtsp://kim:xxxxx@cam:554/b"}}`:             `"recorder":{"source":"rtsp://kim:se%40same@cam:554/b"}`,
		`{"recorder":{"source":"rtsp://kim:xxxxx@theirs/b"}}`:              `"recorder":{"source":"rtsp://kim:xxxxx@theirs/b"}`,
		`{"wifi":{"country":"DE"}}`:                                        `"wifi":{"ssid":"Shed","password":null,"country":"DE"}`,
		`{"wifi":{"ssid":"Barn","password":"eight or more"}}`:              `"wifi":{"ssid":"Barn","password":"eight or more","country":"AT"}`,
		`{"wifi":{"password":null}}`:                                       `"wifi":{"ssid":"Shed","password":"","country":"AT"}`,
		`{"wifi":null}`:                                                    `"wifi":{"ssid":"","password":null,"country":"AT"}`,
		`{"wifi":{"ssid":"Barn"},"recorder":{"rpicam_options":"--hflip"}}`: `"recorder":{"rpicam_options":"--hflip"},"wifi":{"ssid":"Barn"`,
	} {
		if err := i.saveSettings([]byte(patch)); err != nil {
			t.Errorf("%s: %v", patch, err)
			continue
		}
		text, _ := os.ReadFile(filepath.Join(i.wishes.state, wish.File))
		if !strings.Contains(string(text), want) {
			t.Errorf("%s wishes %s", patch, text)
		}
		if told := i.settingsTold(); !told.Pending || told.Undone != "" {
			t.Errorf("%s: told %+v", patch, told)
		}
		i.is(i.saveSettings([]byte(`{"wifi":null}`)), api.Busy)
		i.is(i.saveSettings([]byte(`{"name":"x"}`)), api.Busy)
		i.answers(wish.Answer{ID: i.wished().ID, State: wish.Done, Wifi: wish.Network{SSID: "Shed", Country: "AT"}})
		if told := i.settingsTold(); told.Pending || told.Undone != "" || told.ConfirmWithin != nil {
			t.Errorf("%s: done, and told %+v", patch, told)
		}
	}
	if i.settingsTold(); len(i.settings.next) > 0 {
		t.Error("the box starts over for what is none of it")
	}
}

func TestWrongWishesAreToldByKey(t *testing.T) {
	i := newImage(t)
	for patch, keys := range map[string]string{
		`{"recorder":{"fps":"a lot","device":"/etc/shadow"}}`:               "recorder.device recorder.fps",
		`{"recorder":{"source":"auto\nROOT=/etc"}}`:                         "recorder.source",
		`{"recorder":{"source":"rtsp://a/$(id)"}}`:                          "recorder.source",
		`{"recorder":{"root":"/etc"}}`:                                      "recorder.root",
		`{"recorder":{"fps":[1]}}`:                                          "recorder.fps",
		`{"recorder":7}`:                                                    "recorder",
		`{"wifi":{"ssid":"a\u0000","password":"short","country":"at"}}`:     "wifi.country wifi.password wifi.ssid",
		`{"wifi":{"password":"eight or more"}}`:                             "wifi.ssid",
		`{"wifi":{"psk":"eight or more","ssid":7}}`:                         "wifi.psk wifi.ssid",
		`{"wifi":{"ssid":"x"},"name":"y"}`:                                  "name",
		`{"recorder":{"rpicam_options":"--post-process-file /etc/shadow"}}`: "recorder.rpicam_options",
	} {
		err := i.saveSettings([]byte(patch))
		i.is(err, api.BadRequest)
		var p *api.Problem
		if !errors.As(err, &p) {
			continue
		}
		for _, key := range strings.Fields(keys) {
			if text, _ := json.Marshal(p.Errors); !strings.Contains(string(text), `"key":"`+key+`"`) {
				t.Errorf("%s: the keys told are %s", patch, text)
			}
		}
	}
	if i.wishes.waits() {
		t.Error("something was wished")
	}
}

func TestAWifiOnTrialIsConfirmedOrNot(t *testing.T) {
	for _, keep := range []bool{true, false} {
		i := newImage(t)
		if err := i.saveSettings([]byte(`{"wifi":{"ssid":"Barn"}}`)); err != nil {
			t.Fatal(err)
		}
		id := i.wished().ID
		if err := i.confirmSettings(keep); !errors.Is(err, errNoTrial) {
			t.Errorf("before the network was joined: %v", err)
		}
		i.answers(wish.Answer{ID: id, State: wish.OnTrial, Until: (sinceBoot() + time.Hour).Seconds()})
		if told := i.settingsTold(); told.ConfirmWithin == nil || *told.ConfirmWithin < 3000 {
			t.Errorf("on trial: %+v", told)
		}
		i.is(i.saveSettings([]byte(`{"wifi":null}`)), api.Conflict)
		i.is(i.saveSettings([]byte(`{"name":"x"}`)), api.Conflict)
		if err := i.confirmSettings(keep); err != nil {
			t.Error(err)
		}
		if w := i.wished(); w.ID != id || w.Verdict != map[bool]string{true: wish.Keep, false: wish.Undo}[keep] || w.Wifi != nil {
			t.Errorf("the verdict is %+v", w)
		}
	}
}

// What failed is told until other settings are made; what nobody grants is told too.
func TestWhatFailedIsTold(t *testing.T) {
	i := newImage(t)
	i.answers(wish.Answer{ID: "1", State: wish.Undone, Problem: "nobody confirmed them"})
	if told := i.settingsTold(); told.Undone != "nobody confirmed them" {
		t.Errorf("told %q", told.Undone)
	}
	save := func() error {
		err := i.saveSettings([]byte(`{"name":"x"}`))
		i.settings.take()
		i.settings.lives()
		return err
	}
	if err := save(); err != nil || i.settingsTold().Undone != "" {
		t.Errorf("%v, told %q", err, i.settingsTold().Undone)
	}
	i.answers(wish.Answer{ID: "1", State: wish.OnTrial, Until: (sinceBoot() - time.Second).Seconds()})
	if told := i.settingsTold(); !told.Pending || told.ConfirmWithin != nil {
		t.Errorf("being undone: %+v", told)
	}
	i.answers(wish.Answer{ID: "1", State: wish.OnTrial, Until: (sinceBoot() - 2*grantWithin).Seconds()})
	if told := i.settingsTold(); told.Pending || told.Undone != notGranted {
		t.Errorf("never undone: %+v", told)
	}
	if err := i.saveSettings([]byte(`{"wifi":{"ssid":"Barn"}}`)); err != nil {
		t.Fatal(err)
	}
	i.wishes.asked = time.Now().Add(-2 * grantWithin)
	if told := i.settingsTold(); told.Pending || told.Undone != notGranted {
		t.Errorf("never granted: %+v", told)
	}
	if err := i.saveSettings([]byte(`{"wifi":null}`)); err != nil || !i.settingsTold().Pending {
		t.Errorf("wished again: %v", err)
	}
}

// What waits for a verdict keeps the box's own settings from being changed, and the other way round.
func TestSettingsOnTrialKeepWishesAway(t *testing.T) {
	i := newImage(t)
	if err := i.saveSettings([]byte(`{"http":{"listen":"127.0.0.1:0"}}`)); err != nil {
		t.Fatal(err)
	}
	i.is(i.saveSettings([]byte(`{"wifi":null}`)), api.Conflict)
	if i.wishes.waits() {
		t.Error("something was wished")
	}
}
