package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	"clipd/store"
)

// dataProblemFile is written by the image's initramfs when there is no data partition to keep anything on
// (build/image/box/usr/lib/clipd/image/cover).
const dataProblemFile = "/run/clipd-data-problem"

func (b *boot) dataProblem() error {
	if text := line(b.at(dataProblemFile)); text != "" {
		return errors.New(text)
	}
	return nil
}

// nameHost names a board of an image, whose /etc knows no name of its own, unless somebody chose a host name: after the
// box, else clipd- and the end of the box id, so that two boxes in a house differ. Nothing of it is remembered, since a
// copied card becomes another box.
func (b *boot) nameHost() error {
	if b.again == "" || line(b.kept("hostname")) != "" {
		return nil
	}
	name := b.boxName()
	if name == "" {
		id, err := b.boxID()
		if err != nil {
			return err
		}
		name = "clipd-" + id[len(id)-4:]
	}
	return b.setHost(name)
}

// boxID is the one that clipd will find.
func (b *boot) boxID() (id string, err error) {
	serial := strings.TrimRight(line(b.at("/proc/device-tree/serial-number")), "\x00")
	err = b.asBox(func() error {
		var cloned bool
		if id, cloned, err = store.BoxID(b.at(stateDir), serial); cloned {
			fmt.Fprintln(b.out, "clipd-boot: this card was copied from another board; the box has a new id:", id)
		}
		return err
	})
	return id, err
}

var noHostName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// boxName is name in the configuration as a host name can be, "" where there is none.
func (b *boot) boxName() string {
	var c struct{ Name string }
	for _, path := range []string{configFile, filepath.Join(stateDir, "settings.toml")} {
		text, err := read(b.at(path))
		if err != nil {
			continue
		}
		// What is wrong in it is clipd's to tell.
		_, _ = toml.Decode(text, &c)
	}
	name := noHostName.ReplaceAllString(c.Name, "-")
	return strings.Trim(name[:min(len(name), 63)], "-")
}
