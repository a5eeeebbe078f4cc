package image

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is for one step of a board that is emulated on a busy machine.
const patience = 15 * time.Minute

// board is an emulated computer with a card in it.
type board struct {
	t         *testing.T
	console   *console
	cmd       *exec.Cmd
	off       chan struct{} // closed when it is off
	httpPort  int
	sshPort   int
	scratch   string
	started   time.Time
	sshMaster *os.Process
}

// boot starts a computer with the card: qemu's general board with disk, network and clock by virtio and the memory of a
// Zero 2 W. serial is what its device tree gives as the serial number, more are further words for qemu.
func (c *card) boot(t *testing.T, serial string, more ...string) *board {
	t.Helper()
	m := &board{t: t, httpPort: freePort(t), sshPort: freePort(t), scratch: shortDir(t)}
	tree := filepath.Join(m.scratch, "tree.dtb")
	machine := []string{"-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "512"}
	run(t, "qemu-system-aarch64", append(machine, "-machine", "dumpdtb="+tree)...)
	run(t, "fdtput", "-t", "s", tree, "/", "serial-number", serial)
	m.start(c, "console=ttyAMA0", append(append(machine, "-dtb", tree,
		"-drive", "if=none,id=card,format=raw,file="+c.path, "-device", "virtio-blk-pci,drive=card",
		"-device", "virtio-rng-pci", "-device", "qemu-xhci,id=usb", "-serial", "stdio",
		"-netdev", "user,id=lan,hostfwd=tcp:127.0.0.1:"+strconv.Itoa(m.httpPort)+"-:8470,hostfwd=tcp:127.0.0.1:"+strconv.Itoa(m.sshPort)+"-:22",
		"-device", "virtio-net-pci,netdev=lan"), more...)...)
	return m
}

// bootPi starts the Pi 3 of qemu with the card in its slot and the card's own device tree. It has no network.
func (c *card) bootPi(t *testing.T) *board {
	t.Helper()
	m := &board{t: t, scratch: shortDir(t)}
	// qemu takes the setting of this watchdog for its end, and resets the board at once (hw/misc/bcm2835_powermgt.c).
	m.start(c, "module_blacklist=bcm2835_wdt console=ttyS1,115200", "-M", "raspi3b", "-m", "1G", "-dtb", c.extract("bcm2837-rpi-3-b.dtb"),
		"-drive", "if=sd,format=raw,file="+c.path, "-serial", "null", "-serial", "stdio")
	return m
}

// start runs qemu with kernel, initramfs and kernel command line from the card; console becomes the last one named.
func (m *board) start(c *card, console string, words ...string) {
	m.t.Helper()
	line := strings.TrimSpace(c.get("cmdline.txt")) + " " + console + " systemd.show_status=1 systemd.journald.forward_to_console=1"
	words = append([]string{"-accel", "tcg,thread=multi", "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", c.extract("vmlinuz"), "-initrd", c.extract("initrd"), "-append", line,
		"-qmp", "unix:" + m.qmpPath() + ",server=on,wait=off"}, words...)
	log, err := os.Create(filepath.Join(filepath.Dir(imagePath), "console-"+strings.ReplaceAll(m.t.Name(), "/", "-")+".log"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.console = newConsole(log)
	m.cmd = exec.Command("qemu-system-aarch64", words...)
	m.cmd.Stdout, m.cmd.Stderr = m.console, m.console
	m.off, m.started = make(chan struct{}), time.Now()
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(m.off)
		_ = m.cmd.Wait()
	}()
	m.t.Cleanup(func() { m.cut(); log.Close() })
}

func (m *board) qmpPath() string { return filepath.Join(m.scratch, "qmp") }

// cut takes the power away.
func (m *board) cut() {
	if m.sshMaster != nil {
		_ = m.sshMaster.Kill()
		m.sshMaster = nil
	}
	_ = m.cmd.Process.Kill()
	<-m.off
}

// shutDown lets the system stop by itself; the reboot that it may ask for is ours (-no-reboot).
func (m *board) shutDown() {
	m.t.Helper()
	_, _ = m.try("systemctl --no-block poweroff")
	m.waitOff()
}

func (m *board) waitOff() {
	m.t.Helper()
	select {
	case <-m.off:
	case <-time.After(patience):
		m.t.Fatal("the board does not go off")
	}
	m.cut()
}

// waitReady blocks until systemd says on the console that clipd is READY, and returns how long that took.
func (m *board) waitReady() time.Duration {
	m.t.Helper()
	m.waitFor(`Started clipd\.service`)
	return time.Since(m.started)
}

// waitFor blocks until the console says pattern.
func (m *board) waitFor(pattern string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	go func() {
		select {
		case <-m.off:
			cancel()
		case <-ctx.Done():
		}
	}()
	found, err := m.console.wait(ctx, pattern)
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// shortDir is for sockets, whose paths have 107 bytes at most (unix(7)).
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "board")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
