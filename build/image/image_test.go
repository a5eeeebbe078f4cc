package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxCompressed = 350e6 // bytes
	maxMemory     = 120   // MiB without page cache
)

// The kernel, the device tree and the drivers of a Pi 3 bring clipd up to READY.
func TestPi3(t *testing.T) {
	c := newCard(t)
	m := c.bootPi(t)
	t.Logf("a Pi 3 says READY after %.0f s of emulation", m.waitReady().Seconds())
	m.waitFor(`clipd: open this link once to sign in:\s+http://clipd-[0-9a-f]{4}\.local:8470/login\?token=`)
}

// A box from its first boot on: settings, a clip on its way to everybody, two reboots, a copy of its card.
func TestBox(t *testing.T) {
	c := newCard(t)
	b := startBroker(t)
	private, public := key(t)
	c.put("clipd.toml", settings(public, `hostname = "porch"
wifi_ssid = "home"
wifi_password = "eight or more"
wifi_country = "AT"
mqtt_password = "mosquito-net"
time_zone = "Europe/Vienna"`, `
[mqtt]
broker = "tcp://10.0.2.2:`+b.port+`"
[keep]
free = "10%"
`))
	m := c.boot(t, "10000000aaaaaaaa")
	t.Logf("READY after %.0f s of emulation, a first boot", m.waitReady().Seconds())
	m.signIn(private)
	first := m.identity()
	checkFirstBoot(t, c, m)
	t.Run("the system", func(t *testing.T) { checkSystem(t, m) })
	t.Run("a clip", func(t *testing.T) { checkClip(t, m, b) })
	t.Logf("while it records it uses %d MiB of memory without page cache", m.memory())
	m.shutDown()
	for n := range 2 {
		m = c.boot(t, "10000000aaaaaaaa")
		t.Logf("READY after %.0f s of emulation", m.waitReady().Seconds())
		m.signIn(private)
		if again := m.identity(); again != first {
			t.Errorf("reboot %d: it is\n%s\nand was\n%s", n+1, again, first)
		}
		m.shutDown()
	}
	if rootSum(t, c.path) != rootSum(t, imagePath) {
		t.Error("something wrote to the root partition")
	}
	if log := c.get("clipd.log"); strings.Contains(log, token) || !strings.Contains(log, "10.0.2.15:8470") {
		t.Errorf("clipd.log says\n%s", log)
	}
	t.Run("a copy of the card", func(t *testing.T) { checkCopy(t, c, private, first) })
}

// identity is what must outlive a reboot, as text.
func (m *board) identity() string {
	m.t.Helper()
	s := m.status() // the token opens it
	return "box " + s.Box + "\n" + m.sh(`hostname; cat /etc/machine-id; readlink /etc/localtime; iw reg get | grep -m 1 country || true
cat /etc/ssh/keys/ssh_host_ed25519_key.pub /root/.ssh/authorized_keys /etc/credstore/mqtt-password
cat /etc/NetworkManager/system-connections/*; sha256sum </etc/clipd/clipd.toml; cat /etc/modprobe.d/clipd-wifi.conf
findmnt -rn -o TARGET,SOURCE /data; test "$(date +%s)" -gt "$(stat -c %Y /var/lib/systemd/timesync/clock)" && echo the clock goes on`)
}

// checkFirstBoot holds the board against the file that was on its boot partition.
func checkFirstBoot(t *testing.T, c *card, m *board) {
	t.Helper()
	for command, want := range map[string]string{
		"hostname":                                               "porch",
		"readlink /etc/localtime":                                "/usr/share/zoneinfo/Europe/Vienna",
		"cat /etc/credstore/mqtt-password":                       "mosquito-net",
		"stat -c %a /etc/clipd/clipd.toml":                       "600",
		"grep -c first_boot /etc/clipd/clipd.toml || true":       "0",
		"ls /boot/firmware | grep -c '^clipd.toml' || true":      "1", // the example
		"grep -h ^psk= /etc/NetworkManager/system-connections/*": "psk=eight or more",
		"findmnt -n -o FSTYPE /":                                 "overlay",
		"findmnt -n -o OPTIONS /media/root-ro | grep -o '^r.'":   "ro",
		"findmnt -n -o SOURCE /data":                             "/dev/vda3",
		"blockdev --getsize64 /dev/vda3":                         strconv.Itoa(cardSize - 3<<30),
	} {
		if got := m.sh(command); got != want {
			t.Errorf("%s: %q, not %q", command, got, want)
		}
	}
	if c.has("clipd.toml") {
		t.Error("the file with the token is still on the boot partition")
	}
}

// checkClip follows a clip from the recorder to everybody who may want it.
func checkClip(t *testing.T, m *board, b broker) {
	events := b.added(m.status().Box)
	m.record()
	e := b.next(events)
	if !strings.HasPrefix(e.Path, "front/") || e.SHA256 == "" || e.VideoCodec != "h264" || e.Duration < 1 {
		t.Errorf("announced: %+v", e)
	}
	dir := t.TempDir()
	m.ctl(clipctl(t), "get", e.ID, "-o", dir)
	data, err := os.ReadFile(filepath.Join(dir, filepath.Base(e.Path)))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
		t.Errorf("clipctl fetched %d bytes that are not the clip", len(data))
	}
	link := b.ask(m.status().Box, "link", `{"transaction":"door-17","id":"`+e.ID+`"}`)
	_, path, _ := strings.Cut(strings.TrimPrefix(link, "http://"), "/")
	res, err := client.Get(m.base() + "/" + path) // without the token
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if linked, err := io.ReadAll(res.Body); err != nil || !slices.Equal(linked, data) {
		t.Errorf("the link %s gave %s, %d bytes (%v)", link, res.Status, len(linked), err)
	}
	var page string
	if err := m.get("/", &page); err != nil || !strings.Contains(page, "<html") {
		t.Errorf("the dashboard: %v\n%.300s", err, page)
	}
	if res, err := http.Get(m.base() + "/api/v1/clips"); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %v, %v", res, err)
	}
}

// checkSystem holds the whole system against its promises.
func checkSystem(t *testing.T, m *board) {
	m.eventually("the system is up", func() error {
		state, _ := m.try("systemctl is-system-running")
		if state != "running" {
			failed, _ := m.try("systemctl --failed --no-legend; systemctl list-jobs --no-legend")
			return fmt.Errorf("it is %s: %s", state, failed)
		}
		return nil
	})
	used := m.memory()
	t.Logf("the whole system uses %d MiB of memory without page cache", used)
	if used > maxMemory {
		t.Errorf("that is more than %d; the largest: %s", maxMemory, m.sh("ps -eo rss,comm --sort=-rss | head -12"))
	}
	if swap := m.sh("swapon --show=NAME --noheadings"); swap != "/dev/zram0" {
		t.Errorf("swap is on %q", swap)
	}
	if journal := m.sh("ls -d /var/log/journal 2>/dev/null || true"); journal != "" {
		t.Error("the journal is on a disk")
	}
	if exposed := m.sh("systemd-analyze security --no-pager clipd.service | tail -n 1"); !strings.Contains(exposed, "OK") {
		t.Errorf("clipd.service: %s", exposed)
	}
}

// checkCopy boots a copy of the card in another board.
func checkCopy(t *testing.T, c *card, private, first string) {
	other := c.copy()
	m := other.boot(t, "10000000bbbbbbbb")
	m.waitReady()
	m.signIn(private)
	box, rest, _ := strings.Cut(m.identity(), "\n")
	wasBox, wasRest, _ := strings.Cut(first, "\n")
	if box == wasBox || rest != wasRest {
		t.Errorf("the copy is\n%s\n%s", box, rest)
	}
}

func TestCompressedSize(t *testing.T) {
	newCard(t)
	fi, err := os.Stat(imagePath + ".xz")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f MB compressed", float64(fi.Size())/1e6)
	if fi.Size() > maxCompressed {
		t.Errorf("more than %.0f MB", maxCompressed/1e6)
	}
}

// memory is what the whole system uses, without page cache, in MiB.
func (m *board) memory() int {
	m.t.Helper()
	text := m.sh(`awk '/^MemTotal|^Shmem:/ {n += $2} /^MemFree|^Buffers|^Cached|^SReclaimable/ {n -= $2} END {print int(n / 1024)}' /proc/meminfo`)
	n, err := strconv.Atoi(text)
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}
