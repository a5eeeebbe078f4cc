package image

import (
	"strings"
	"testing"
)

// An image written over a used card finds what the box had.
func TestFlashedAgain(t *testing.T) {
	c := newCard(t)
	private, public := key(t)
	c.put("clipd.toml", settings(public, "hostname = \"porch\"\n", ""))
	m := c.boot(t, "1")
	m.waitReady()
	m.signIn(private)
	m.record()
	had := m.waitClips(1)
	first := m.identity()
	m.shutDown()
	c.flash()
	m = c.boot(t, "1")
	m.waitReady()
	m.signIn(private)
	if again := m.identity(); again != first {
		t.Errorf("it is\n%s\nand was\n%s", again, first)
	}
	for id := range had {
		if _, there := m.waitClips(1)[id]; !there {
			t.Errorf("clip %s is gone", id)
		}
	}
}

// firstrun is what Raspberry Pi Imager 1.8 writes, shortened to what it calls.
const firstrun = `#!/bin/bash

set +e

if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom set_hostname gate
else
   echo gate >/etc/hostname
fi
FIRSTUSER=` + "`getent passwd 1000 | cut -d: -f1`" + `
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom enable_ssh -k 'KEY'
fi
if [ -f /usr/lib/userconf-pi/userconf ]; then
   /usr/lib/userconf-pi/userconf 'anna' '$5$rounds=5000$saltsalt$7fPH1uPCNpzQHhQSkOo9hCcqRcP4rzkcsCmIWcLV3g7'
fi
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan 'the "net"' '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' 'AT'
fi
if [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then
   /usr/lib/raspberrypi-sys-mods/imager_custom set_keymap 'de'
   /usr/lib/raspberrypi-sys-mods/imager_custom set_timezone 'Europe/Vienna'
fi
rm -f /boot/firstrun.sh
sed -i 's| systemd.run.*||g' /boot/cmdline.txt
exit 0
`

// The firstrun.sh of Raspberry Pi Imager runs once, and what it sets is kept on the data partition.
func TestImager(t *testing.T) {
	c := newCard(t)
	private, public := key(t)
	c.put("firstrun.sh", strings.Replace(firstrun, "KEY", public, 1))
	line := strings.TrimSpace(c.get("cmdline.txt"))
	c.put("cmdline.txt", line+" systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n")
	m := c.boot(t, "1")
	m.waitOff() // it asks for a reboot
	if c.has("firstrun.sh") || strings.TrimSpace(c.get("cmdline.txt")) != line {
		t.Fatalf("after it ran: %q, cmdline.txt: %s", c.list(), c.get("cmdline.txt"))
	}
	for n := range 2 {
		m = c.boot(t, "1")
		m.waitReady()
		m.signIn(private)
		for command, want := range map[string]string{
			"hostname":                "gate",
			"readlink /etc/localtime": "/usr/share/zoneinfo/Europe/Vienna",
			"grep -h ^ssid= /etc/NetworkManager/system-connections/*":                                  "ssid=116;104;101;32;34;110;101;116;34;",
			"id -nG anna | grep -ow -e sudo -e clipd | sort | paste -sd,":                              "clipd,sudo",
			"stat -c %U:%a /data/home/anna/.ssh/authorized_keys":                                       "anna:600",
			"getent shadow anna | cut -d: -f2 | cut -c1-3":                                             "$5$",
			"ls /boot/firmware | grep -c -e firstrun -e imager || true":                                "0",
			"findmnt -n -o SOURCE --target /etc/NetworkManager/system-connections | grep -o /dev/vda3": "/dev/vda3",
		} {
			if got := m.sh(command); got != want {
				t.Errorf("start %d: %s: %q, not %q", n+1, command, got, want)
			}
		}
		m.shutDown()
	}
}
