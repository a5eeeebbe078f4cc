package device

import (
	"strings"
	"testing"
)

func TestPosterCommandNamesBothFiles(t *testing.T) {
	for command, missing := range map[string]string{
		`["p", "-i", "{input}", "-o", "{output}"]`: "", `["p", "{input}:{output}"]`: "", `["none"]`: "", `[]`: "",
		`["p", "{input}"]`: "{output}", `["{input}", "{output}"]`: "{input}", `["none", "{output}"]`: "{input}",
	} {
		c, err := load(t, "[poster]\ncommand = "+command)
		switch {
		case missing == "" && err != nil:
			t.Errorf("%s: %v", command, err)
		case missing != "" && (err == nil || !strings.Contains(err.Error(), "poster.command: no argument has "+missing)):
			t.Errorf("%s was taken: %v", command, err)
		case command == `["none"]` && c.posterCommand() != nil:
			t.Errorf("posters are made by %q", c.posterCommand())
		}
	}
}
