package announce

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// topics are the names of design.md, "MQTT", of one box.
type topics struct{ base string }

func newTopics(prefix, box string) topics { return topics{prefix + "/" + level(box)} }

func (t topics) availability() string         { return t.base + "/availability" }
func (t topics) info() string                 { return t.base + "/info" }
func (t topics) state() string                { return t.base + "/state" }
func (t topics) event() string                { return t.base + "/event" }
func (t topics) last() string                 { return t.base + "/last" }
func (t topics) camera(name string) string    { return t.base + "/camera/" + level(name) + "/last" }
func (t topics) poster() string               { return t.base + "/poster" }
func (t topics) pushSet() string              { return t.base + "/push/set" }
func (t topics) pushState() string            { return t.base + "/push/state" }
func (t topics) retentionSet() string         { return t.base + "/retention/set" }
func (t topics) request(verb string) string   { return t.base + "/request/" + verb }
func (t topics) requests() string             { return t.base + "/request/+" }
func (t topics) response(verb string) string  { return t.base + "/response/" + verb }
func (t topics) verb(topic string) (v string) { return strings.TrimPrefix(topic, t.base+"/request/") }

// level makes a name one topic level: what a topic name must not hold (MQTT 3.1.1 [MQTT-1.5.3-1], [MQTT-3.3.2-2]) or a
// broker may refuse (§1.5.3: controls, non-characters) is percent-encoded byte by byte, and so is %.
func level(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if unfit(r, n) {
			for _, c := range []byte(name[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(name[i : i+n])
		}
		i += n
	}
	return b.String()
}

func unfit(r rune, size int) bool {
	return r == utf8.RuneError && size <= 1 || strings.ContainsRune("+#/%", r) || unicode.IsControl(r) ||
		r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE
}
