package image

import (
	"fmt"
	"strings"
	"testing"

	"clipd/device/api"
)

// A first-boot file that is wrong leaves the box reachable with its defaults, and the error in three places.
func TestWrongFirstBootFile(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key": {"[first_boot]\nwifi_sid = \"home\"\n", "first_boot.wifi_sid: unknown key"},
		"broken TOML": {"[first_boot\nhostname = \"porch\"\n", "to end table name"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCard(t)
			c.put("clipd.toml", tc.text)
			m := c.boot(t, "1")
			m.waitReady()
			m.waitFor(`clipd-boot: clipd\.toml on the boot partition: .*` + strings.ReplaceAll(tc.want, ".", `\.`))
			_, link, _ := strings.Cut(m.waitFor(`clipd-boot\[\d+\]: http://\S+/login\?token=[\w-]{43}`), "/login")
			m.waitAnswer("/healthz")
			t.Log("the console has a sign-in link")
			m.powerButton()
			if log := c.get("clipd.log"); !strings.Contains(log, tc.want) || !strings.Contains(log, link) || !strings.Contains(log, "10.0.2.15:8470") {
				t.Errorf("clipd.log says\n%s", log)
			}
			if !c.has("clipd.toml") {
				t.Error("the file is gone")
			}
		})
	}
}

// What is missing or broken around a box is told, and the box stays up.
func TestBrokenAround(t *testing.T) {
	c := newCard(t)
	private, public := key(t)
	c.put("clipd.toml", settings(public, "wifi_ssid = \"not here\"\nwifi_password = \"wrong password\"\n", "name = \"porch\"\n"))
	m := c.boot(t, "1")
	m.waitReady()
	m.signIn(private)
	t.Run("no camera", func(t *testing.T) {
		m.eventually("the recorder says what it lacks", func() error {
			return m.says("journalctl -b --no-pager -u clipd-recorder@front", "/dev/video0: no such camera")
		})
	})
	m.record()
	m.waitClips(1)
	t.Run("a full data partition", func(t *testing.T) {
		m.sh("fallocate -l $(($(df --output=avail -B1 /data | tail -1))) /data/filler || dd if=/dev/zero of=/data/filler bs=1M 2>/dev/null || true")
		m.waitStatus("it is told", func(s api.Status) bool { return len(s.Problems) > 0 || s.StorageProblem != "" })
		m.sh("rm /data/filler; systemctl is-active clipd.service")
		m.waitStatus("it is well again", func(s api.Status) bool { return s.StorageProblem == "" })
	})
	t.Run("a read-only data partition", func(t *testing.T) {
		m.sh("echo s >/proc/sysrq-trigger; echo u >/proc/sysrq-trigger") // as the kernel does after an error
		m.waitStatus("it is told", func(s api.Status) bool { return len(s.Problems) > 0 || s.StorageProblem != "" })
		m.waitAnswer("/healthz")
		if all, err := m.clips(); err != nil || len(all) == 0 {
			t.Errorf("clips: %d, %v", len(all), err)
		}
	})
}

// A data partition that cannot be mounted is left as it is; the box says so and records nothing.
func TestDamagedDataPartition(t *testing.T) {
	c := newCard(t)
	private, public := key(t)
	c.put("clipd.toml", settings(public, "", ""))
	m := c.boot(t, "1")
	m.waitReady()
	m.signIn(private)
	m.status()
	// All superblocks go but the label of the first, by which the partition is found.
	m.sh("sync; for at in $(dumpe2fs /dev/vda3 2>/dev/null | sed -n 's/.*uperblock at \\([0-9]*\\),.*/\\1/p'); do " +
		"dd if=/dev/zero of=/dev/vda3 bs=4096 seek=$at count=8 conv=notrunc oflag=direct 2>/dev/null; done; " +
		"printf '\\123\\357' | dd of=/dev/vda3 bs=1 seek=1080 conv=notrunc 2>/dev/null; printf clipd-data | dd of=/dev/vda3 bs=1 seek=1144 conv=notrunc 2>/dev/null; sync")
	m.cut()
	m = c.boot(t, "1")
	m.waitReady()
	m.waitFor(`clipd-boot: .*data partition`)
	m.waitAnswer("/healthz")
	m.powerButton()
	if log := c.get("clipd.log"); !strings.Contains(log, "data partition") {
		t.Errorf("clipd.log says\n%s", log)
	}
}

// says runs a command and wants text in what it prints.
func (m *board) says(command, text string) error {
	out, err := m.try(command)
	if err == nil && !strings.Contains(out, text) {
		err = fmt.Errorf("%s says %s", command, out)
	}
	return err
}

// waitAnswer waits until the box answers a request without a token.
func (m *board) waitAnswer(path string) {
	m.t.Helper()
	m.eventually("the box answers", func() error {
		var s string
		return m.get(path, &s)
	})
}

// powerButton is how somebody without a way in stops a board; it must have written its log by then.
func (m *board) powerButton() {
	m.t.Helper()
	m.waitFor(`Finished clipd-boot-log\.service`)
	dialQMP(m.t, m.qmpPath()).do("system_powerdown", nil)
	m.waitOff()
}
