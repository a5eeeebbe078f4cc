package httpd

import (
	"encoding/json"
	"strings"
	"testing"

	"clipd/device/api"
	"clipd/store"
)

// configured are settings as the box tells them.
func configured() api.Settings {
	return api.Settings{
		Config: map[string]any{
			"name": "porch", "pictures": false, "hash": "sha256",
			"http":   map[string]any{"listen": ":8470", "max_transfers": int64(1024), "hosts": []any{"a", "b"}, "transfer_rate": "0"},
			"mqtt":   map[string]any{"broker": "none", "discovery": "", "password_file": "secret-1"},
			"keep":   map[string]any{"age": "0s", "class": []any{map[string]any{"match": "a/**", "age": "7d", "camera": "", "size": "0"}}},
			"target": map[string]any{"nas": map[string]any{"url": "http://nas/<b>", "backlog": false, "when": "", "headers_file": ""}},
		},
		Sources: map[string]string{"name": "/etc/clipd/clipd.toml:3", "http.listen": "-listen", "mqtt.broker": "/var/lib/clipd/state/settings.toml:9"},
	}
}

func TestAFormChangesWhatItSaysOtherwise(t *testing.T) {
	for _, tt := range []struct {
		form []string
		want string
	}{
		{[]string{"section", "box", "name", "porch", "pictures", "false", "hash", "sha256"}, `{}`},
		{[]string{"section", "box", "name", "shed", "pictures", "true"}, `{"name":"shed","pictures":true}`},
		{[]string{"section", "box", "name", ""}, `{"name":null}`},
		{[]string{"section", "keep", "keep.age", "30d", "keep.class.0.match", "a/**", "keep.class.0.age", "7d"}, `{"keep":{"age":"30d"}}`},
		{[]string{"section", "keep", "keep.class.0.match", "", "keep.class.1.camera", "b"}, `{"keep":{"class":[{"camera":"b"}]}}`},
		{[]string{"section", "keep"}, `{"keep":{"class":[]}}`},
		{[]string{"section", "network", "http.hosts", "a\r\nb\r\n"}, `{}`},
		{[]string{"section", "network", "http.hosts", "a\r\n\r\n c "}, `{"http":{"hosts":["a","c"]}}`},
		{[]string{"section", "network", "http.max_transfers", "7", "http.transfer_rate", ""}, `{"http":{"max_transfers":7}}`},
		{[]string{"section", "network", "http.max_transfers", "many"}, `{"http":{"max_transfers":"many"}}`},
		{[]string{"section", "mqtt", "mqtt.password", "", "mqtt.discovery", "homeassistant"}, `{"mqtt":{"discovery":"homeassistant"}}`},
		{[]string{"section", "mqtt", "mqtt.password", "sesame", "mqtt.discovery", ""}, `{"mqtt":{"password":"sesame"}}`},
		{[]string{"section", "target-nas", "target.nas.when", "request", "target.nas.backlog", "false", "target.nas.credentials", "id secret"},
			`{"target":{"nas":{"credentials":"id\nsecret","when":"request"}}}`},
		{[]string{"section", "target-nas", "target.nas.when", "added"}, `{}`},
		{[]string{"section", "target-nas", "do", "remove"}, `{"target":{"nas":null}}`},
		{[]string{"section", "target-", "new-target", "s3", "target..s3", "http://s3", "target..bucket", "b", "target..url", ""},
			`{"target":{"s3":{"bucket":"b","s3":"http://s3"}}}`},
	} {
		values := map[string][]string{}
		for i := 0; i+1 < len(tt.form); i += 2 {
			values[tt.form[i]] = []string{tt.form[i+1]}
		}
		changes, err := changesOf(values, configured().Config)
		got, _ := json.Marshal(changes)
		if err != nil || string(got) != tt.want {
			t.Errorf("%q changes %s, %v; want %s", tt.form, got, err, tt.want)
		}
	}
	for _, form := range [][]string{{"section", "nothing"}, {"section", "target-", "new-target", "nas"}, {"section", "target-", "new-target", "a.b"}, {"section", "target-"}} {
		values := map[string][]string{}
		for i := 0; i+1 < len(form); i += 2 {
			values[form[i]] = []string{form[i+1]}
		}
		if changes, err := changesOf(values, configured().Config); err == nil {
			t.Errorf("%q changes %v", form, changes)
		}
	}
}

func TestSettingsPageShowsValuesAndWhereTheyComeFrom(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Settings = configured })
	b.as(store.Admin, "GET", "/settings").is(t, 200, "").says(t, `value="porch"`, "clipd.toml, line 3", "fixed by -listen", "disabled", "saved here",
		"unchanged", "Target nas", "http://nas/&lt;b&gt;", `name="keep.class.1.match"`).saysNot(t, "secret-1", "http://nas/<b>", "/etc/clipd")
}

func TestSettingsPageSavesAndTellsWhatIsWrongAtTheField(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Settings = configured })
	a := b.as(store.Admin, "POST", "/settings", "section", "box", "do", "save", "name", "shed").is(t, 303, "")
	a.header(t, "Location", "./settings?saved")
	if !a.Close {
		t.Error("the connection stays open")
	}
	b.as(store.Admin, "GET", "/settings?saved").is(t, 200, "").says(t, "Saved, and in force.")
	b.as(store.Admin, "POST", "/settings", "section", "box", "do", "save", "name", `refuse"<i>`).is(t, 400, "").
		says(t, "The settings were not saved", `aria-invalid="true"`, `id="name-wrong">refused<`, `value="refuse&#34;&lt;i&gt;"`)
	b.as(store.Admin, "POST", "/settings", "section", "target-", "do", "save", "new-target", "").is(t, 400, "").says(t, "needs a name").saysNot(t, "<details>")
	b.as(store.Admin, "POST", "/settings", "do", "sing").is(t, 400, "")
	b.as(store.Admin, "POST", "/settings", "section", "box", "do", "save", "name", strings.Repeat("x", maxPatch)).is(t, 400, "")
	b.saved.mu.Lock()
	defer b.saved.mu.Unlock()
	if len(b.saved.patches) != 2 || b.saved.patches[0] != `{"name":"shed"}` {
		t.Errorf("the patches were %q", b.saved.patches)
	}
}

// Where a change moves the box, the answer says where to: the page cannot be loaded again where it was.
func TestSettingsPageTellsTheNewAddress(t *testing.T) {
	told := configured()
	delete(told.Sources, "http.listen")
	b := newBox(t, func(c *Config) { c.Settings = func() api.Settings { return told } })
	b.as(store.Admin, "POST", "/settings", "section", "network", "do", "save", "http.listen", ":9000").is(t, 200, "").
		says(t, "http://127.0.0.1:9000/settings", "two minutes").saysNot(t, `name="section"`)
	b.as(store.Admin, "POST", "/settings", "section", "network", "do", "save", "http.listen", "192.0.2.7:9000").is(t, 200, "").says(t, "http://192.0.2.7:9000/settings")
}

func TestSettingsPageAsksToKeepThem(t *testing.T) {
	left := 77.5
	b := newBox(t, func(c *Config) {
		c.Settings = func() api.Settings { s := configured(); s.ConfirmWithin = &left; return s }
	})
	b.as(store.Admin, "GET", "/settings").is(t, 200, "").says(t, "Keep the new settings?", "78").saysNot(t, `name="section"`)
	b.as(store.Admin, "POST", "/settings", "do", "keep").is(t, 303, "")
	b.as(store.Admin, "POST", "/settings", "do", "undo").is(t, 200, "").says(t, "at the address it had before")
	b.saved.mu.Lock()
	defer b.saved.mu.Unlock()
	if len(b.saved.kept) != 2 || !b.saved.kept[0] || b.saved.kept[1] {
		t.Errorf("confirmed: %v", b.saved.kept)
	}
}
