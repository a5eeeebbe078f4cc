package wish

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// A Line is where a variable is set in an environment file, and to what.
type Line struct {
	Value  string
	Number int // from 1
}

var assignment = regexp.MustCompile(`^[ \t]*([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)

// ReadEnv reads an environment file as systemd.exec(5) does, "EnvironmentFile=", but for values of more than one line. The
// last of several lines for a variable counts.
func ReadEnv(text string) map[string]Line {
	all := map[string]Line{}
	for i, line := range strings.Split(text, "\n") {
		if m := assignment.FindStringSubmatch(line); m != nil {
			all[m[1]] = Line{unquoted(strings.TrimSpace(m[2])), i + 1}
		}
	}
	return all
}

// unquoted is a value without the quotes around it.
func unquoted(value string) string {
	n := len(value)
	if n < 2 || value[0] != value[n-1] {
		return value
	}
	switch value[0] {
	case '\'':
		return value[1 : n-1]
	case '"':
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`, "\\`", "`", `\$`, `$`).Replace(value[1 : n-1])
	}
	return value
}

// ErrManyLines is that of an environment file with a value of more than one line, which people mend better than programs.
var ErrManyLines = errors.New("a value in it goes on in the next line")

// WriteEnv sets the variables of changes in an environment file, and takes out those that are nil. All other lines stay as
// they are, comments too; a new variable goes below the comment that shows it. The values were checked (Wish.Check).
func WriteEnv(text string, changes map[string]*string) (string, error) {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasSuffix(line, `\`) || openQuote(line) {
			return "", ErrManyLines
		}
		lines = append(lines, line)
	}
	for _, k := range Keys {
		if value, changed := changes[k.Env]; changed {
			lines = set(lines, k.Env, value)
		}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// openQuote reports whether the value of a line begins with a quote that the line does not end.
func openQuote(line string) bool {
	m := assignment.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	value := strings.TrimSpace(m[2])
	return value != "" && (value[0] == '"' || value[0] == '\'') && (len(value) == 1 || value[len(value)-1] != value[0])
}

// set puts env=value where the variable was set, below the comment that shows it, or at the end; nil takes it out.
func set(lines []string, env string, value *string) []string {
	is := func(line string) bool { m := assignment.FindStringSubmatch(line); return m != nil && m[1] == env }
	at := slices.IndexFunc(lines, is)
	lines = slices.DeleteFunc(lines, is)
	if value == nil {
		return lines
	}
	if at < 0 {
		at = 1 + slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#"+env+"=") })
	}
	if at == 0 {
		at = len(lines)
	}
	return slices.Insert(lines, at, env+"="+quoted(*value))
}

var bare = regexp.MustCompile(`^[A-Za-z0-9._/:,=+-]*$`)

// quoted is a value as both systemd and a shell read it. Check lets no character through that means something within
// double quotes.
func quoted(value string) string {
	if bare.MatchString(value) {
		return value
	}
	return `"` + value + `"`
}
