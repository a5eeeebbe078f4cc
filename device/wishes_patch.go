package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"clipd/device/api"
	"clipd/device/wish"
)

// wanted is what a patch wishes, checked.
func (w *wishes) wanted(patch map[string]any, now wish.Network) (wanted wish.Wish, err error) {
	var errs []error
	bad := func(key, text string) { errs = append(errs, keyError{"", key, text}) }
	for _, key := range slices.Sorted(maps.Keys(patch)) {
		object, isObject := patch[key].(map[string]any)
		switch {
		case key != "recorder" && key != "wifi":
			bad(key, "cannot be changed together with recorder or wifi; send it by itself")
		case !isObject && patch[key] != nil:
			bad(key, "is not an object")
		case key == "recorder":
			wanted.Recorder = w.recorderOf(object, bad)
		default:
			wanted.Wifi = wifiOf(object, now, bad)
		}
	}
	for _, err := range leaves(wanted.Check()) {
		var wrong wish.Wrong
		if errors.As(err, &wrong) {
			bad(wrong.Key, wrong.Text)
		}
	}
	return wanted, errors.Join(errs...)
}

// recorderOf is what of the recorder is to change; null is all of it, back to the defaults.
func (w *wishes) recorderOf(object map[string]any, bad func(key, text string)) map[string]*string {
	changes := map[string]*string{}
	if object == nil {
		for _, k := range wish.Keys {
			changes[k.Name] = nil
		}
	}
	for name, v := range object {
		text, ok := textOf(v)
		if !ok {
			bad("recorder."+name, "is neither a text nor a number")
		}
		if name == "source" && text != nil {
			*text = withSecret(*text, w.recorder()["SOURCE"].Value)
		}
		changes[name] = text
	}
	return changes
}

func textOf(v any) (text *string, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return &v, true
	case json.Number:
		s := v.String()
		return &s, true
	}
	return nil, false
}

// wifiOf is the network that now becomes; null is none.
func wifiOf(object map[string]any, now wish.Network, bad func(key, text string)) *wish.Wifi {
	to := &wish.Wifi{SSID: now.SSID, Country: now.Country}
	if object == nil {
		to.SSID = ""
		return to
	}
	for name, v := range object {
		text, ok := v.(string)
		if !ok && v != nil {
			bad("wifi."+name, "is not a text")
		}
		switch name {
		case "ssid":
			to.SSID = text
		case "password":
			to.Password = &text
		case "country":
			to.Country = text
		default:
			bad("wifi."+name, "unknown key; there are: ssid password country")
		}
	}
	if to.SSID == "" && to.Password != nil && *to.Password != "" {
		bad("wifi.ssid", "a password needs the name of a network")
	}
	return to
}

// tell adds recorder and Wi-Fi to the settings, and how the last wish stands.
func (w *wishes) tell(told *api.Settings) {
	if w == nil || told.Config == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	told.Sources = maps.Clone(told.Sources)
	told.Config["recorder"] = w.tellRecorder(told.Sources)
	s := w.stands()
	told.Config["wifi"] = map[string]any{"ssid": s.wifi.SSID, "country": s.wifi.Country}
	if s.wifi.From != "" {
		told.Sources["wifi.ssid"] = s.wifi.From
		if s.wifi.Country != "" {
			told.Sources["wifi.country"] = s.wifi.From
		}
	}
	told.Pending = s.pending
	if left := s.left.Seconds(); left > 0 {
		told.ConfirmWithin = &left
	}
	if s.failed != "" {
		told.Undone = s.failed
	}
}

func (w *wishes) tellRecorder(sources map[string]string) map[string]any {
	table, env := map[string]any{}, w.recorder()
	for _, k := range wish.Keys {
		value := k.Default
		if line, set := env[k.Env]; set {
			value = line.Value
			sources["recorder."+k.Name] = fmt.Sprintf("%s:%d", wish.RecorderFile, line.Number)
		}
		table[k.Name] = value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && k.Number {
			table[k.Name] = n
		}
	}
	table["source"] = withoutSecret(fmt.Sprint(table["source"]))
	return table
}

// recorder is what the recorder's file sets.
func (w *wishes) recorder() map[string]wish.Line {
	text, err := os.ReadFile(filepath.Join(w.system, wish.RecorderFile))
	if err != nil && !os.IsNotExist(err) {
		w.log.Error("the recorder's settings cannot be read", "error", err)
	}
	return wish.ReadEnv(string(text))
}

// masked stands for the password in the address of a camera.
const masked = "xxxxx"

// withPassword is an address with one: what is before it, itself, the host, and the rest.
var withPassword = regexp.MustCompile(`^([a-z]+://[^/:@]*:)([^/]*)(@[^/@]*)(.*)$`)

// withoutSecret is an address as it is told.
func withoutSecret(address string) string {
	return withPassword.ReplaceAllString(address, "${1}"+masked+"$3$4")
}

// withSecret puts the password of the address before into one that came back as it was told, for the same user and host.
func withSecret(address, before string) string {
	now, was := withPassword.FindStringSubmatch(address), withPassword.FindStringSubmatch(before)
	if now == nil || was == nil || now[1] != was[1] || now[2] != masked || now[3] != was[3] {
		return address
	}
	return was[1] + was[2] + was[3] + now[4]
}
