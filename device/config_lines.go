package device

import "strings"

// keyLines finds on which line of a TOML text each dotted key stands first. It is only for messages: the TOML library
// has parsed the text already but does not tell the position of a key it did not know.
func keyLines(text string) map[string]int {
	lines := map[string]int{}
	table := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		var key string
		switch {
		case strings.HasPrefix(line, "["):
			end := strings.IndexByte(line, ']')
			if end < 0 {
				continue
			}
			table = bare(strings.TrimLeft(line[:end], "["))
			key, table = table, table+"."
		case strings.Contains(line, "="):
			name, _, _ := strings.Cut(line, "=")
			key = table + bare(name)
		}
		if _, seen := lines[key]; key != "" && !seen {
			lines[key] = i + 1
		}
	}
	return lines
}

// bare drops the quotes and blanks that dotted keys may have.
func bare(key string) string {
	return strings.NewReplacer(`"`, "", "'", "", " ", "", "\t", "").Replace(key)
}
