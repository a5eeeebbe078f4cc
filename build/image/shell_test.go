package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// key is the ssh key of everybody who tests.
func key(t *testing.T) (private, public string) {
	t.Helper()
	private = filepath.Join(t.TempDir(), "key")
	run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", private)
	text, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(text))
}

// signIn opens the connection that all commands go through, as root.
func (m *board) signIn(private string) {
	m.t.Helper()
	m.eventually("sign in by ssh", func() error {
		master := exec.Command("ssh", append(m.sshWords(), "-M", "-N", "-i", private, "-o", "ConnectTimeout=60", "-o", "StrictHostKeyChecking=no",
			"-o", "UserKnownHostsFile="+filepath.Join(m.scratch, "hosts"), "-o", "LogLevel=ERROR", "root@127.0.0.1")...)
		if err := master.Start(); err != nil {
			return err
		}
		gone := make(chan error, 1)
		go func() { gone <- master.Wait() }()
		for {
			select {
			case err := <-gone:
				return fmt.Errorf("ssh ended: %v", err)
			case <-time.After(300 * time.Millisecond):
				if _, err := os.Stat(m.control()); err == nil {
					m.sshMaster = master.Process
					return nil
				}
			}
		}
	})
}

func (m *board) control() string { return filepath.Join(m.scratch, "ssh") }

func (m *board) sshWords() []string {
	return []string{"-S", m.control(), "-p", strconv.Itoa(m.sshPort)}
}

// try runs a command on the board and returns what it printed.
func (m *board) try(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ssh", append(m.sshWords(), "root@127.0.0.1", command)...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", command, err, text)
	}
	return text, err
}

// sh is try that must work.
func (m *board) sh(command string) string {
	m.t.Helper()
	out, err := m.try(command)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// eventually tries until do works: what it asks is another computer, which nothing signals.
func (m *board) eventually(what string, do func() error) {
	m.t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	end := time.After(patience)
	for {
		err := do()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-m.off:
			m.t.Fatalf("%s: the board is off; before that: %v", what, err)
		case <-end:
			m.t.Fatalf("%s: %v", what, err)
		}
	}
}
