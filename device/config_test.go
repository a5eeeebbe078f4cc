package device

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clipd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Flags{Config: file, Dir: t.TempDir()}, nil)
}

func TestEmptyFileIsAWorkingBox(t *testing.T) {
	c, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Listen != ":8470" || c.MQTT.Broker != "embedded" || c.Hash != "sha256" {
		t.Errorf("defaults are listen %q, broker %q, hash %q", c.HTTP.Listen, c.MQTT.Broker, c.Hash)
	}
}

// What is wrong is told with file, line and key, and with what to write instead.
func TestWrongConfigurationIsToldPrecisely(t *testing.T) {
	for _, tt := range []struct{ text, line, want string }{
		{"nmae = \"x\"", ":1:", "did you mean name?"},
		{"\n[http]\nlisen = \":1\"", ":3:", "did you mean http.listen?"},
		{"[mqtt]\npassword = \"x\"", ":2:", "use password_file"},
		{"[target.nas]\nurl = \"http://nas/x\"\nwen = \"added\"", ":3:", "did you mean target.*.when?"},
		{"[keep]\nage = \"30 days\"", ":2:", "not a length of time"},
		{"[keep]\n\nsize = \"3 apples\"", ":3:", "not a size"},
		{"[http]\nlisten = 8470", ":2:", "http.listen"},
		{"[http]\nlisten = \"nowhere\"", ":2:", "not an address to listen on"},
		{"[mqtt]\nbroker = \"http://x\"", ":2:", "tcp:// or tls://"},
		{"[mqtt]\nbroker = \"tcp://u:p@x\"", ":2:", "password_file"},
		{"[mqtt]\nrequests = [\"reboot\"]", ":2:", "is no request"},
		{"hash = \"md5\"", ":1:", "neither"},
		{"time_zone = \"Mars/Olympus\"", ":1:", "no time zone"},
		{"name = \"a\"\nname = \"b\"", ":2:", "name"},
		{"name = ", ":1:", "value"},
	} {
		_, err := load(t, tt.text)
		if err == nil {
			t.Errorf("%q was accepted", tt.text)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "clipd.toml"+tt.line) {
			t.Errorf("%q: got %q, want file%s and %q", tt.text, err, tt.line, tt.want)
		}
	}
}

func TestLaterLayersWin(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.MkdirAll(state, 0o750); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "clipd.toml")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "name = \"file\"\nroot = \"/file\"\n[mqtt]\nbroker = \"tcp://file:1883\"\n")
	write(filepath.Join(state, SettingsFile), "name = \"saved\"\n[mqtt]\nbroker = \"tcp://saved:1883\"\n")
	c, err := Load(Flags{Config: file, Dir: dir, Broker: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "saved" || c.Root != filepath.Join(dir, "recordings") || c.MQTT.Broker != "none" {
		t.Errorf("name %q root %q broker %q", c.Name, c.Root, c.MQTT.Broker)
	}
	if got := c.Sources["name"]; got != filepath.Join(state, SettingsFile)+":1" {
		t.Errorf("name comes from %q", got)
	}
	if c.Sources["mqtt.broker"] != "-broker" || c.Sources["root"] != "-dir" {
		t.Errorf("sources are %v", c.Sources)
	}
}

func TestConfigurationFromStandardInput(t *testing.T) {
	c, err := Load(Flags{Config: "-", Dir: t.TempDir()}, strings.NewReader(`name = "piped"`))
	if err != nil || c.Name != "piped" {
		t.Errorf("got name %q, error %v", c.Name, err)
	}
}

func TestWithoutFileAndDirEverythingIsBelowVar(t *testing.T) {
	t.Chdir(t.TempDir())
	here, _ := os.Getwd()
	c, err := Load(Flags{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Root != filepath.Join(here, "var/recordings") || c.HTTP.Listen != "127.0.0.1:8470" || c.asked("http.listen") {
		t.Errorf("root %q, listen %q asked %v", c.Root, c.HTTP.Listen, c.asked("http.listen"))
	}
}

// The documented example is a configuration, and all it says is what the defaults say.
func TestExampleIsTheDefaults(t *testing.T) {
	text, err := os.ReadFile("../build/clipd.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	c := Defaults()
	if err := c.decode("example", text); err != nil {
		t.Fatal(err)
	}
	if err := c.check(); err != nil {
		t.Error(err)
	}
	for key := range c.Sources {
		delete(c.Sources, key)
	}
	want := Defaults()
	if got, want := encode(t, c), encode(t, want); got != want {
		t.Errorf("the example differs from the defaults:\n%s\nwant:\n%s", got, want)
	}
}

func TestEveryKeyStandsInTheExample(t *testing.T) {
	text, err := os.ReadFile("../build/clipd.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range allKeys() {
		last := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.Contains(string(text), last+" = ") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func encode(t *testing.T, c Config) string {
	t.Helper()
	var b strings.Builder
	if err := toml.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasSuffix(line, "= []\n") { // an empty list and none are the same
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func allKeys() []string { return knownKeys(reflect.TypeFor[Config](), "") }

func TestValues(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "0": 0, "90s": 90 * time.Second, "14d": 336 * time.Hour, "1d12h": 36 * time.Hour} {
		if got, err := parseDuration(text); got != want || err != nil {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]int64{"": 0, "0": 0, "1kB": 1000, "2GiB": 2 << 30, "1.5MB": 1_500_000, "5 MB": 5e6, "7": 7, "7B": 7} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-1h", "1w", "d", "99999999999h", "1h-2h", "NaN"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("duration %q was read as %v", text, got)
		}
	}
	for _, text := range []string{"-1", "1XB", "GB", "NaN", "Inf", "1e30GB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("size %q was read as %v", text, got)
		}
	}
	for size, want := range map[Size]string{0: "0", 7: "7", 1500: "1500", 2000: "2kB", 3 << 30: "3GiB", 5e9: "5GB", 1 << 20: "1MiB"} {
		if got, _ := size.MarshalText(); string(got) != want {
			t.Errorf("%d is written %s, want %s", int64(size), got, want)
		}
	}
	for length, want := range map[time.Duration]string{0: "0s", 36 * time.Hour: "36h", 90 * time.Second: "1m30s", 2 * time.Minute: "2m", 48 * time.Hour: "2d"} {
		if got, _ := Duration(length).MarshalText(); string(got) != want {
			t.Errorf("%v is written %s, want %s", length, got, want)
		}
	}
	var s Share
	if err := s.UnmarshalText([]byte("5%")); err != nil || s.Percent != 5 {
		t.Errorf("5%% is %+v, %v", s, err)
	}
	if err := s.UnmarshalText([]byte("100%")); err == nil {
		t.Error("a floor of 100% was accepted")
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("[http]\nlisten = \":1\"\n")
	f.Add("[[camera]]\nmatch = \"[\"\n")
	f.Add("[target.\"a.b\"]\nurl = 3")
	f.Fuzz(func(t *testing.T, text string) {
		c := Defaults()
		if c.decode("fuzz", []byte(text)) == nil {
			_ = c.check()
		}
	})
}
