package wish

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// RecorderFile is where the recorder's settings stand; systemd gives them to clipd-recorder as its environment.
const RecorderFile = "/etc/clipd/recorder.env"

// Key is a setting of the recorder: the variable named Env in RecorderFile. ROOT is not among them: it names a folder of
// the box, which is not for HTTP to choose.
type Key struct {
	Name    string // of JSON
	Env     string
	Default string // clipd-recorder's
	Number  bool
	check   func(string) error
}

// Keys are the settings of the recorder, as people read them.
var Keys = []Key{
	{"source", "SOURCE", "auto", false, checkSource},
	{"device", "DEVICE", "/dev/video0", false, checkDevice},
	{"width", "WIDTH", "1280", true, between(64, 7680)},
	{"height", "HEIGHT", "720", true, between(64, 4320)},
	{"fps", "FPS", "15", true, between(1, 120)},
	{"bitrate", "BITRATE", "2000000", true, between(50_000, 100_000_000)},
	{"encoder", "ENCODER", "auto", false, oneOf("auto", "h264_v4l2m2m", "libx264")},
	{"rpicam_options", "RPICAM_OPTIONS", "", false, checkOptions},
	{"segment", "SEGMENT", "60", true, between(2, 3600)},
}

// KeyOf finds a key by its name in JSON.
func KeyOf(name string) (Key, bool) {
	i := slices.IndexFunc(Keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return Keys[i], true
}

func (w Wish) checkRecorder() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(w.Recorder)) {
		k, known := KeyOf(name)
		value := w.Recorder[name]
		switch {
		case !known:
			errs = append(errs, Wrong{"recorder." + name, "unknown key; there are: " + strings.Join(names(), " ")})
		case value != nil:
			if err := k.check(*value); err != nil {
				errs = append(errs, Wrong{"recorder." + name, err.Error()})
			}
		}
	}
	return join(errs...)
}

func names() (all []string) {
	for _, k := range Keys {
		all = append(all, k.Name)
	}
	return all
}

func between(low, high int) func(string) error {
	return func(s string) error {
		if n, err := strconv.Atoi(s); err != nil || n < low || n > high || strconv.Itoa(n) != s {
			return fmt.Errorf("%q is not a number from %d to %d", s, low, high)
		}
		return nil
	}
}

func oneOf(choices ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(choices, s) {
			return fmt.Errorf("%q is none of: %s", s, strings.Join(choices, " "))
		}
		return nil
	}
}

// address is what may stand in a URL (RFC 3986 §2), but for the characters that a shell or systemd reads as its own.
var address = regexp.MustCompile(`^(rtsp|http)://[A-Za-z0-9._~:/?\[\]@!&()*+,;=%-]+$`)

// checkSource takes what clipd-recorder takes.
func checkSource(s string) error {
	if oneOf("auto", "rpicam", "v4l2", "test")(s) == nil {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || !address.MatchString(s) || u.Host == "" || len(s) > 1024 {
		return errors.New("it is auto, rpicam, v4l2, test or the address of a network camera: rtsp://… or http://…, with %20 and the like " +
			"for what is no letter, digit or one of ._~:/?[]@!&()*+,;=%-")
	}
	return nil
}

var device = regexp.MustCompile(`^/dev/[A-Za-z0-9][A-Za-z0-9_:.-]*(/[A-Za-z0-9_:-][A-Za-z0-9_:.-]*)*$`)

func checkDevice(s string) error {
	if !device.MatchString(s) || len(s) > 128 {
		return fmt.Errorf("%q is no device of the box; write it like /dev/video0", s)
	}
	return nil
}

// pictureOptions are what rpicam-vid may be told over HTTP: how the picture is taken. The others name files and programs,
// or change where the recording goes.
var pictureOptions = []string{"--rotation", "--hflip", "--vflip", "--roi", "--mode", "--camera", "--hdr", "--denoise", "--sharpness", "--contrast",
	"--brightness", "--saturation", "--ev", "--gain", "--shutter", "--exposure", "--metering", "--awb", "--awbgains", "--flicker-period",
	"--autofocus-mode", "--autofocus-range", "--autofocus-speed", "--autofocus-window", "--lens-position", "--profile", "--level", "--low-latency"}

// optionValue is a word, a number, or numbers with commas: nothing that names a file or that a shell reads as its own.
var optionValue = regexp.MustCompile(`^-?[A-Za-z0-9.,:]+$`)

func checkOptions(s string) error {
	if len(s) > 1024 {
		return errors.New("it is too long")
	}
	for _, word := range strings.Split(s, " ") {
		name, value, has := strings.Cut(word, "=")
		switch {
		case word == "":
		case strings.HasPrefix(word, "--"):
			if !slices.Contains(pictureOptions, name) {
				return fmt.Errorf("%q cannot be set here; there are: %s", name, strings.Join(pictureOptions, " "))
			}
			if has && !optionValue.MatchString(value) {
				return fmt.Errorf("%q is no value for %s", value, name)
			}
		case !optionValue.MatchString(word) || len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9') && word[1] != '.':
			return fmt.Errorf("%q is no value; options are written like --rotation 180", word)
		}
	}
	return nil
}
