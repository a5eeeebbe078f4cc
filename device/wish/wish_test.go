package wish

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hostile are endings that get a value out of its place, in a file of lines, a shell or a file of keys.
var hostile = []string{"\n", "\r", "\x00", "\nROOT=/etc", `"`, `'`, "`id`", "$(id)", "$HOME", "${IFS}", `\`, `\n`, "\u2028", "\u0085", " ;id", "|id", "\tx", "\xff", "a b\x7f"}

func TestRecorderRefusesWhatGetsOutOfItsPlace(t *testing.T) {
	for _, k := range Keys {
		for _, end := range hostile {
			value := k.Default + end
			if err := (Wish{Recorder: map[string]*string{k.Name: &value}}).Check(); err == nil {
				t.Errorf("%s takes %q", k.Name, value)
			}
		}
		if k.Name != "rpicam_options" && k.check("") == nil {
			t.Errorf("%s takes nothing", k.Name)
		}
		if k.check(k.Default) != nil {
			t.Errorf("%s refuses its default: %v", k.Name, k.check(k.Default))
		}
	}
}

func TestRecorderChecks(t *testing.T) {
	for key, tt := range map[string]struct{ good, bad []string }{
		"source": {[]string{"auto", "test", "rtsp://kim:pass%20word@10.0.0.7:554/s?channel=1&sub=0", "http://[fe80::1]/x"},
			[]string{"file:///etc/shadow", "/etc/shadow", "rtsp://", "rtsp:///x", "rtsp://a b", "concat:a", "rtsp://a/%zz", "-i", "tcp://x", "rtsp://" + strings.Repeat("a", 2000)}},
		"device":  {[]string{"/dev/video2", "/dev/v4l/by-id/usb-Cam_1.0-video"}, []string{"/dev/../etc/shadow", "/etc/shadow", "/dev/", "video0", "/dev/v4l/../x", "/dev/.x"}},
		"width":   {[]string{"64", "1920"}, []string{"63", "7681", "1e3", "-1", "+640", "0640", "0x40", " 640", "99999999999999999999"}},
		"encoder": {[]string{"libx264"}, []string{"copy", "libx265"}},
		"rpicam_options": {[]string{"", "--rotation 180", "--roi 0.25,0.25,0.5,0.5 --hflip --ev -0.5", "--awb=daylight"},
			[]string{"--output /x", "-o x", "--config c", "--post-process-file a", "--rotation=/x", "--rotation /x", "--hflip *", "--segment 1", "--roi ../x", "--ev -o", "--listen"}},
	} {
		k, _ := KeyOf(key)
		for _, v := range tt.good {
			if err := k.check(v); err != nil {
				t.Errorf("%s refuses %q: %v", key, v, err)
			}
		}
		for _, v := range tt.bad {
			if k.check(v) == nil {
				t.Errorf("%s takes %q", key, v)
			}
		}
	}
	x := "x"
	if err := (Wish{Recorder: map[string]*string{"root": &x}}).Check(); err == nil || !strings.Contains(err.Error(), "recorder.root: unknown key") {
		t.Errorf("ROOT: %v", err)
	}
}

func TestWifiChecks(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, w := range []Wifi{
		{SSID: "Häusl 5", Password: text(`pass \ "word";#`), Country: "AT"}, {SSID: "open", Password: text("")}, {SSID: ""},
		{SSID: "x", Password: text(strings.Repeat("0aF", 21) + "1")}, {SSID: "x"},
	} {
		if err := (Wish{Wifi: &w}).Check(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
	for _, end := range []string{"\n", "\r", "\x00", "\npsk=theirs", "\u2028", "\u0085", "\xff", "\t"} {
		w := Wifi{SSID: "x" + end, Password: text("eight or more" + end), Country: "AT" + end}
		err := Wish{Wifi: &w}.Check()
		if err == nil || strings.Count(err.Error(), "wifi.") != 3 {
			t.Errorf("%q: %v", end, err)
		}
	}
	for _, w := range []Wifi{{SSID: strings.Repeat("x", 33)}, {SSID: "x", Password: text("short")}, {SSID: "x", Password: text(strings.Repeat("x", 64))}, {Country: "at"}, {Country: "AUT"}} {
		if (Wish{Wifi: &w}).Check() == nil {
			t.Errorf("%+v is taken", w)
		}
	}
}

func shipped(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The file that is shipped shows every key with the default that the script has.
func TestKeysAreThoseOfTheRecorder(t *testing.T) {
	env, script := shipped(t, "recorder.env"), shipped(t, "clipd-recorder")
	for _, k := range Keys {
		if !strings.Contains(env, "\n#"+k.Env+"="+k.Default+"\n") {
			t.Errorf("recorder.env does not show #%s=%s", k.Env, k.Default)
		}
		if !strings.Contains(script, "${"+k.Env+":="+k.Default+"}") {
			t.Errorf("clipd-recorder has another default for %s", k.Env)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^#([A-Z_]+)=`).FindAllStringSubmatch(env, -1) {
		if _, known := KeyOf(strings.ToLower(m[1])); !known && m[1] != "ROOT" {
			t.Errorf("recorder.env shows %s, which no key sets", m[1])
		}
	}
}

func changed(pairs ...string) map[string]*string {
	m := map[string]*string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &pairs[i+1]
		if pairs[i+1] == "-" {
			m[pairs[i]] = nil
		}
	}
	return m
}

func TestWriteEnvKeepsTheRest(t *testing.T) {
	text := "# mine\n#WIDTH=1280\n#HEIGHT=720\nFPS=25\n; old\nFPS=30\nROOT=/mnt/disk\nOTHER='a b'"
	for _, tt := range []struct {
		changes map[string]*string
		want    string
	}{
		{changed(), text + "\n"},
		{changed("WIDTH", "1920"), strings.Replace(text, "#WIDTH=1280\n", "#WIDTH=1280\nWIDTH=1920\n", 1) + "\n"},
		{changed("FPS", "10"), "# mine\n#WIDTH=1280\n#HEIGHT=720\nFPS=10\n; old\nROOT=/mnt/disk\nOTHER='a b'\n"},
		{changed("FPS", "-"), "# mine\n#WIDTH=1280\n#HEIGHT=720\n; old\nROOT=/mnt/disk\nOTHER='a b'\n"},
		{changed("SOURCE", "rtsp://c/?a=1&b=2", "RPICAM_OPTIONS", "--rotation 180"), text + "\nSOURCE=\"rtsp://c/?a=1&b=2\"\nRPICAM_OPTIONS=\"--rotation 180\"\n"},
	} {
		got, err := WriteEnv(text, tt.changes)
		if err != nil || got != tt.want {
			t.Errorf("%v makes %q, %v", tt.changes, got, err)
		}
		again, err := WriteEnv(got, tt.changes)
		if err != nil || again != got {
			t.Errorf("done twice it is %q, %v", again, err)
		}
		read := ReadEnv(got)
		for env, value := range tt.changes {
			if line, has := read[env]; value == nil && has || value != nil && line.Value != *value {
				t.Errorf("%s reads as %+v", env, line)
			}
		}
	}
	for _, text := range []string{"A=b \\\nc\n", "A=\"b\nc\"\n", "# x \\\n"} {
		if _, err := WriteEnv(text, changed("FPS", "10")); err == nil {
			t.Errorf("%q was rewritten", text)
		}
	}
}

// What is written reads the same in a shell, and the shell does nothing else with it.
func TestAShellReadsWhatIsWritten(t *testing.T) {
	values := changed("SOURCE", "rtsp://kim:a!b@c/(x);y?a=1&b=*[2]", "RPICAM_OPTIONS", "--roi 0.25,0.25,0.5,0.5  --ev -0.5", "DEVICE", "/dev/v4l/by-id/x")
	text, err := WriteEnv(shipped(t, "recorder.env"), values)
	if err != nil {
		t.Fatal(err)
	}
	for env, want := range values {
		sh := exec.Command("sh", "-c", text+"\nprintf %s \"$"+env+"\"")
		got, err := sh.Output()
		if err != nil || string(got) != *want {
			t.Errorf("a shell reads %s as %q, %v", env, got, err)
		}
	}
}

func FuzzRecorder(f *testing.F) {
	for _, end := range hostile {
		f.Add("rtsp://a/"+end, "--rotation "+end)
	}
	f.Fuzz(func(t *testing.T, source, options string) {
		w := Wish{Recorder: map[string]*string{"source": &source, "rpicam_options": &options}}
		if w.Check() != nil {
			return
		}
		text, err := WriteEnv("A=b\n", changed("SOURCE", source, "RPICAM_OPTIONS", options))
		read := ReadEnv(text)
		if err != nil || len(read) != 3 || read["SOURCE"].Value != source || read["RPICAM_OPTIONS"].Value != strings.TrimSpace(options) && read["RPICAM_OPTIONS"].Value != options {
			t.Errorf("%q, %q became %q, %v", source, options, text, err)
		}
		if bytes.ContainsAny([]byte(text), "$`\\'\x00\r") {
			t.Errorf("%q got through", text)
		}
	})
}
