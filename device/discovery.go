package device

import (
	"net"
	"os"
	"path/filepath"
	"strings"

	"clipd/device/announce"
	"clipd/store"
)

// shownFile holds the first topic level under which Home Assistant was shown the box, so that a document is cleared when
// mqtt.discovery is another, also after a restart.
const shownFile = "discovery"

const maxShown = 256 // bytes of it

// describe is what Home Assistant is told of the board.
func (b *box) describe() announce.Device {
	d := announce.Device{Model: model(), MAC: mac()}
	for _, c := range b.cfg.Cameras {
		if c.Expect > 0 {
			d.Expect = append(d.Expect, c.Name)
		}
	}
	return d
}

// mac is the hardware address of the first interface that has one.
func mac() string {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && len(i.HardwareAddr) == 6 {
			return i.HardwareAddr.String()
		}
	}
	return ""
}

// shownIn is "" where nothing was noted.
func (b *box) shownIn() string {
	text, err := os.ReadFile(filepath.Join(b.cfg.State, shownFile))
	if err != nil || len(text) > maxShown {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func (b *box) noteShown(discovery string) error {
	return store.WriteFile(b.cfg.State, shownFile, []byte(discovery+"\n"), 0o644)
}

// recording says of each camera with expect whether it brings clips.
func (b *box) recording() map[string]bool {
	var does map[string]bool
	for _, c := range b.cfg.Cameras {
		if c.Expect == 0 {
			continue
		}
		if does == nil {
			does = map[string]bool{}
		}
		does[c.Name] = b.problems.get("camera/"+c.Name) == ""
	}
	return does
}
