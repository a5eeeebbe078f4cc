package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clipd/device/api"
)

// file is a configuration file and a state folder, as a process finds them.
type file struct {
	t     *testing.T
	flags Flags
	state string
}

func newFile(t *testing.T, text string) *file {
	t.Helper()
	dir := t.TempDir()
	f := &file{t, Flags{Config: filepath.Join(dir, "clipd.toml")}, filepath.Join(dir, "state")}
	if err := os.MkdirAll(f.state, 0o750); err != nil {
		t.Fatal(err)
	}
	f.write(text)
	return f
}

func (f *file) write(text string) {
	f.t.Helper()
	text = "state = \"" + f.state + "\"\n" + text
	if err := os.WriteFile(f.flags.Config, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// open is a start of the process: what it reads is all it has.
func (f *file) open() *settings {
	f.t.Helper()
	cfg, err := Load(f.flags, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := openSettings(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *file) read(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.state, name))
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	return string(text)
}

// save lays patch over s, and lives with it.
func save(t *testing.T, s *settings, patch string) {
	t.Helper()
	if err := s.save([]byte(patch)); err != nil {
		t.Fatalf("%s: %v", patch, err)
	}
	s.take()
	s.lives()
}

func TestSettingsAreSavedAndKeepTheOnesBefore(t *testing.T) {
	f := newFile(t, "name = \"file\"\n[mqtt]\nbroker = \"none\"\n")
	s := f.open()
	save(t, s, `{"name":"porch","keep":{"age":"30d"},"http":{"max_transfers":7,"transfer_rate":"1MB"},"camera":[{"match":"a/**","name":"a"}]}`)
	first := f.read(SettingsFile)
	save(t, s, `{"name":"shed"}`)
	for _, cfg := range []Config{s.take(), f.open().take()} {
		if cfg.Name != "shed" || cfg.HTTP.MaxTransfers != 7 || cfg.HTTP.TransferRate != 1e6 || len(cfg.Cameras) != 1 || cfg.MQTT.Broker != "none" ||
			time.Duration(cfg.Keep.Age) != 720*time.Hour {
			t.Errorf("the settings are %+v", cfg)
		}
		if got := cfg.Sources["name"]; !strings.HasPrefix(got, filepath.Join(f.state, SettingsFile)+":") {
			t.Errorf("name comes from %q", got)
		}
	}
	if f.read(settingsOld) != first {
		t.Errorf("before it was %q, kept is %q", first, f.read(settingsOld))
	}
	if info, err := os.Stat(filepath.Join(f.state, SettingsFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	save(t, s, `{"name":null,"camera":null,"keep":null}`)
	if cfg := f.open().take(); cfg.Name != "file" || len(cfg.Cameras) != 0 || cfg.Keep.Age != 0 {
		t.Errorf("after null: %+v", cfg)
	}
}

// What is wrong is told by key, all of it at once, and changes nothing.
func TestWrongSettingsAreToldByKeyAndNotSaved(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := newFile(t, "[target.nas]\nurl = \"http://nas/{name}\"\n")
	f.flags.Broker = "none"
	s := f.open()
	for patch, keys := range map[string]string{
		`{"nmae":"x"}`:                    "nmae",
		`{"http":{"lisen":":1"}}`:         "http.lisen",
		`{"name":5}`:                      "name",
		`{"http":{"max_transfers":"x"}}`:  "http.max_transfers",
		`{"http":{"max_transfers":1e99}}`: "http.max_transfers",
		`{"http":5}`:                      "http",
		`{"keep":{"age":"soon"}}`:         "keep.age",
		`{"time_zone":"Mars/Olympus","http":{"listen":"nowhere","public_url":"x"}}`: "http.listen http.public_url time_zone",
		`{"root":"/etc"}`:                                     "root",
		`{"poster":{"command":["sh"]}}`:                       "poster.command",
		`{"mqtt":{"password_file":"/x"}}`:                     "mqtt.password_file",
		`{"mqtt":{"password":7}}`:                             "mqtt.password",
		`{"mqtt":{"password":""}}`:                            "mqtt.password",
		`{"mqtt":{"broker":"embedded"}}`:                      "mqtt.broker",
		`{"target":{"nas":{"when":"never"}}}`:                 "target.nas.when",
		`{"target":{"n s":{"url":"http://x"}}}`:               "target.n s",
		`{"target":{"new":{"when":"added"}}}`:                 "target.new",
		`{"http":{"hosts":["a",null]}}`:                       "http.hosts",
		`{"http":{"hosts":[["a"],{"b":1}]}}`:                  "http.hosts",
		`{"camera":[{"match":"[","name":"a"}]}`:               "camera.match",
		`{"camera":[{"mtach":"a","name":"a"}]}`:               "camera.mtach camera.match",
		`{"":1}`:                                              "",
		`{"http":{"listen":"` + taken.Addr().String() + `"}}`: "http.listen",
		`{"http":{"listen_tls":"192.0.2.1:8471"}}`:            "http.listen_tls",
		strings.Repeat(`{"a":`, 5000):                         "-", strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000): "-",
		`[]`: "-", `null`: "-", `{"name":"a"} {"name":"b"}`: "-", ``: "-", `{"name":`: "-",
	} {
		err := s.save([]byte(patch))
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != 400 || p.Detail == "" {
			t.Errorf("%s: got %v", patch, err)
			continue
		}
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Key)
		}
		for _, want := range strings.Fields(keys) {
			if want != "-" && !strings.Contains(strings.Join(got, " "), want) {
				t.Errorf("%s: the keys told are %q: %s", patch, got, p.Detail)
			}
		}
		if strings.Contains(p.Detail, f.state) {
			t.Errorf("%s: a path is told: %s", patch, p.Detail)
		}
	}
	if f.read(SettingsFile) != "" || f.read(settingsTrial) != "" || len(s.next) > 0 {
		t.Error("something was saved")
	}
}

func TestWhatCouldCutTheBoxOffMustBeConfirmed(t *testing.T) {
	f := newFile(t, "[http]\nhosts = [\"a\", \"b\"]\n")
	for patch, must := range map[string]bool{
		`{"http":{"listen":"127.0.0.1:0"}}`:               true,
		`{"http":{"listen_tls":"127.0.0.1:0"}}`:           true,
		`{"http":{"hosts":["a"]}}`:                        true,
		`{"http":{"hosts":["a","b","c"]}}`:                false,
		`{"http":{"public_url":"https://x.example.org"}}`: false,
		`{"name":"x"}`: false,
	} {
		s := f.open()
		save(t, s, patch)
		if got := s.left() > 0; got != must {
			t.Errorf("%s: on trial %v, want %v", patch, got, must)
		}
		if got := f.read(settingsTrial) != ""; got != must {
			t.Errorf("%s: a trial file: %v", patch, got)
		}
		os.Remove(filepath.Join(f.state, SettingsFile))
	}
}

func TestConfirmedSettingsStay(t *testing.T) {
	f := newFile(t, "")
	s := f.open()
	if err := s.confirm(); !errors.Is(err, errNoTrial) {
		t.Errorf("nothing to confirm: %v", err)
	}
	if err := s.save([]byte(`{"http":{"listen":"127.0.0.1:0"}}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.confirm(); !errors.Is(err, errNotLived) {
		t.Errorf("confirmed by the life before: %v", err)
	}
	s.take()
	s.lives()
	var p *api.Problem
	if err := s.save([]byte(`{"name":"x"}`)); !errors.As(err, &p) || p.Type != api.Conflict {
		t.Errorf("saved during a trial: %v", err)
	}
	if err := s.confirm(); err != nil {
		t.Fatal(err)
	}
	if got := f.open().take().HTTP.Listen; got != "127.0.0.1:0" || f.read(settingsTrial) != "" {
		t.Errorf("the box listens on %q", got)
	}
}

// A crash at any moment before the confirmation leaves the box as it was reached before; one after it does not.
func TestACrashBeforeTheConfirmationUndoes(t *testing.T) {
	f := newFile(t, "")
	s := f.open()
	save(t, s, `{"name":"porch"}`)
	save(t, s, `{"http":{"listen":"127.0.0.1:0"}}`)
	again := f.open()
	if got := again.take(); got.HTTP.Listen != defaultListen || got.Name != "porch" {
		t.Errorf("after the crash: listen %q, name %q", got.HTTP.Listen, got.Name)
	}
	if again.whyUndone() == "" || f.read(settingsTrial) != "" {
		t.Errorf("undone: %q", again.whyUndone())
	}
	// Between the two files that a confirmation writes.
	save(t, again, `{"http":{"listen":"127.0.0.1:0"}}`)
	trial := f.read(settingsTrial)
	if err := again.confirm(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.state, settingsTrial), []byte(trial), 0o600); err != nil {
		t.Fatal(err)
	}
	again = f.open()
	if got := again.take().HTTP.Listen; got != "127.0.0.1:0" || again.whyUndone() != "" || f.read(settingsTrial) != "" {
		t.Errorf("a crash at the end of the confirmation: listen %q, said to be undone: %q", got, again.whyUndone())
	}
}

func TestUnconfirmedSettingsAreUndoneAfterTwoMinutes(t *testing.T) {
	f := newFile(t, "")
	synctest.Test(t, func(t *testing.T) {
		b := &box{settings: f.open()}
		save(t, b.settings, `{"name":"porch"}`)
		save(t, b.settings, `{"http":{"listen":"127.0.0.1:0"}}`)
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- b.watchSettings(t.Context()) }()
		if err := <-ended; !errors.Is(err, errAgain) || time.Since(began) != trialFor {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		cfg := b.settings.take()
		if cfg.HTTP.Listen != defaultListen || cfg.Name != "porch" || b.settings.left() != 0 || b.settings.whyUndone() == "" {
			t.Errorf("listen %q, name %q", cfg.HTTP.Listen, cfg.Name)
		}
	})
}

func TestConfirmedSettingsAreNotUndone(t *testing.T) {
	f := newFile(t, "")
	synctest.Test(t, func(t *testing.T) {
		b := &box{settings: f.open()}
		save(t, b.settings, `{"http":{"listen":"127.0.0.1:0"}}`)
		ended := make(chan error, 1)
		go func() { ended <- b.watchSettings(t.Context()) }()
		time.Sleep(trialFor - time.Second) // of the bubble's clock
		if err := b.settings.confirm(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		select {
		case err := <-ended:
			t.Errorf("the life ended: %v", err)
		default:
		}
		if got := b.settings.take().HTTP.Listen; got != "127.0.0.1:0" {
			t.Errorf("listen %q", got)
		}
	})
}

// Settings that the box cannot even start with are undone at once, confirmed or not.
func TestNewSettingsThatCannotWorkAreUndone(t *testing.T) {
	f := newFile(t, "")
	s := f.open()
	save(t, s, `{"name":"porch"}`)
	for _, patch := range []string{`{"name":"shed"}`, `{"http":{"listen":"127.0.0.1:0"}}`} {
		if err := s.save([]byte(patch)); err != nil {
			t.Fatal(err)
		}
		s.take()
		if undone, err := s.undo("on fire"); !undone || err != nil {
			t.Fatalf("undone: %v, %v", undone, err)
		}
		if cfg := s.take(); cfg.Name != "porch" || cfg.HTTP.Listen != defaultListen || s.whyUndone() != "on fire" {
			t.Errorf("name %q, listen %q", cfg.Name, cfg.HTTP.Listen)
		}
		if cfg := f.open().take(); cfg.Name != "porch" {
			t.Errorf("on disk: name %q", cfg.Name)
		}
		if undone, _ := s.undo("again"); undone {
			t.Error("what was there before was undone too")
		}
		s.lives()
	}
}

func TestSecretsAreWrittenAndNeverTold(t *testing.T) {
	f := newFile(t, "[target.nas]\nurl = \"http://nas/{name}\"\n")
	s := f.open()
	const password, headers = "correct horse\u00a0battery", "Authorization: Bearer sesame"
	save(t, s, `{"mqtt":{"username":"kim","password":"`+password+`"},"target":{"nas":{"headers":"`+headers+`"}}}`)
	cfg := s.take()
	if got, err := cfg.secret("mqtt.password_file", cfg.MQTT.PasswordFile); got != password || err != nil {
		t.Errorf("the password is %q, %v", got, err)
	}
	if nas, err := cfg.target("nas", cfg.Targets["nas"]); err != nil || nas.Headers.Get("Authorization") != "Bearer sesame" || nas.URL == "" {
		t.Errorf("the target is %+v, %v", nas, err)
	}
	told, err := cfg.table()
	text, _ := json.Marshal(told)
	if err != nil || bytes.Contains(text, []byte("horse")) || bytes.Contains(text, []byte("sesame")) || strings.Contains(f.read(SettingsFile), "horse") {
		t.Errorf("a secret is told: %s, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(f.state, cfg.MQTT.PasswordFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// Undone settings find theirs; what nothing names is removed.
	save(t, s, `{"mqtt":{"password":"another"}}`)
	if !exists(f, cfg.MQTT.PasswordFile) {
		t.Error("the password of the settings before is gone")
	}
	save(t, s, `{"mqtt":{"password":null}}`)
	save(t, s, `{"name":"x"}`)
	if exists(f, cfg.MQTT.PasswordFile) || s.take().MQTT.PasswordFile != "" {
		t.Error("the password is still there")
	}
}

// A target that only the configuration file has keeps what is not changed of it, secrets beside that file included.
func TestATargetOfTheFileKeepsItsRest(t *testing.T) {
	f := newFile(t, "[target.nas]\nurl = \"http://nas/{name}\"\nheaders_file = \"headers\"\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.flags.Config), "headers"), []byte("A: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := f.open()
	save(t, s, `{"target":{"nas":{"when":"request"}}}`)
	cfg := s.take()
	nas, err := cfg.target("nas", cfg.Targets["nas"])
	if err != nil || nas.When != "request" || nas.URL == "" || nas.Headers.Get("A") != "b" {
		t.Errorf("the target is %+v, %v", nas, err)
	}
	save(t, s, `{"target":{"nas":null}}`)
	if nas := f.open().take().Targets["nas"]; nas.When != "" || nas.URL == "" {
		t.Errorf("without what was saved it is %+v", nas)
	}
}

func exists(f *file, name string) bool {
	_, err := os.Stat(filepath.Join(f.state, name))
	return err == nil
}

func TestSettingsFileIsReadAgain(t *testing.T) {
	f := newFile(t, "name = \"a\"\n")
	s := f.open()
	if changed, err := s.reread(false); changed || err != nil {
		t.Errorf("nothing changed: %v, %v", changed, err)
	}
	f.write("nmae = \"b\"\n")
	if changed, err := s.reread(false); changed || err == nil || s.take().Name != "a" {
		t.Errorf("a broken file: %v, %v", changed, err)
	}
	f.write("# a comment\nname = \"b\"\n")
	if changed, err := s.reread(false); !changed || err != nil || len(s.next) != 1 || s.take().Name != "b" {
		t.Errorf("another name: %v, %v", changed, err)
	}
}

func FuzzSettingsPatch(f *testing.F) {
	f.Add(`{"name":"x","mqtt":{"password":"y"},"target":{"a":{"url":"http://x","headers":"A: b"}}}`)
	f.Add(`{"camera":[{"match":"a","name":"b"}],"keep":{"class":[{"match":"a"}]},"http":{"hosts":["x"],"max_transfers":3}}`)
	f.Add(`{"http":null,"a\u0000":{"":[[],{},null,1.5,-0]}}`)
	f.Fuzz(func(t *testing.T, patch string) {
		cfg := Defaults()
		cfg.State = t.TempDir()
		s := &settings{cfg: cfg, log: slog.New(slog.DiscardHandler), next: make(chan struct{}, 1)}
		text, _, err := s.merged([]byte(patch))
		if err != nil {
			return
		}
		c := Defaults()
		_ = c.decodeSettings(text)
	})
}
