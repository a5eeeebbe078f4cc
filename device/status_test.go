package device

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

// What is told of the settings has the keys that people write into the file.
func TestSettingsHaveTheKeysOfAFile(t *testing.T) {
	c, err := load(t, "[http]\nmax_transfers = 7\n[[camera]]\nmatch = \"a/**\"\nname = \"yard\"\nexpect = \"2m\"\n")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal((&box{cfg: c, log: slog.New(slog.DiscardHandler)}).settingsTold())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"max_transfers":7`, `"expect":"2m"`, `"link_ttl":"1d"`, `"http.max_transfers":"`, `clipd.toml:2"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}
