package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// systemd hears that the box is ready when it is, that it makes progress for as long as it does, and that it stops.
func TestSystemdIsToldHowTheBoxIs(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	b := newBox(t)
	// What clipd-boot noted before, clipd says.
	const boot = "clipd.toml on the boot partition: line 1"
	must(t, os.MkdirAll(filepath.Join(b.dir, "state"), 0o750))
	must(t, os.WriteFile(filepath.Join(b.dir, "state", "boot-problem"), []byte(boot+"\n"), 0o600))
	cmd := exec.Command(binary, "-dir", b.dir, "-listen", "127.0.0.1:0", "-broker", "none")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
	b.run(cmd)
	hear(t, conn, "READY=1")
	hear(t, conn, "STATUS="+boot)
	b.ready()
	if res := b.do(t.Context(), "GET", "/readyz"); res.StatusCode != 200 {
		t.Errorf("systemd was told that it is ready, /readyz answers %s", res.Status)
	}
	for range 3 {
		hear(t, conn, "WATCHDOG=1")
	}
	must(t, b.stop())
	hear(t, conn, "STOPPING=1")
}

// hear waits for a message that holds want; pings of the watchdog in between are let pass.
func hear(t *testing.T, conn *net.UnixConn, want string) {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("systemd was never told %s: %v", want, err)
		}
		if strings.Contains(string(buf[:n]), want) {
			return
		}
	}
}
