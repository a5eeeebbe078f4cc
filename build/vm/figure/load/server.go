package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one that is measured.
type server struct {
	name          string
	args          []string
	cmd           *exec.Cmd
	plain, secure string // URLs of the file
	token         string
}

const (
	dir       = "/tmp/box"
	recording = dir + "/recordings/cam/clip.mp4"
)

// startClipd writes a clip of at least size bytes and starts clipd on it.
func startClipd(size int64) (*server, error) {
	if err := writeClip(size); err != nil {
		return nil, err
	}
	config := "hash = \"none\"\n[http]\nlisten = \"127.0.0.1:8470\"\nlisten_tls = \"127.0.0.1:8471\"\nmax_transfers = 5000\n[mqtt]\nbroker = \"none\"\n"
	if err := os.WriteFile("/tmp/clipd.toml", []byte(config), 0o600); err != nil {
		return nil, err
	}
	s := &server{name: "clipd", args: []string{"/clipd", "-dir", dir, "-config", "/tmp/clipd.toml"}}
	if err := s.start(); err != nil {
		return nil, err
	}
	token, err := waitFile(dir + "/state/admin-token")
	if err != nil {
		return nil, err
	}
	s.token = strings.TrimSpace(string(token))
	path, err := s.firstClip("http://127.0.0.1:8470")
	if err != nil {
		return nil, err
	}
	s.plain, s.secure = "http://127.0.0.1:8470"+path, "https://127.0.0.1:8471"+path
	return s, nil
}

// writeClip makes a recording as large as is wanted: a short one, and a box of ISO/IEC 14496-12 §8.1.2 that is skipped.
func writeClip(size int64) error {
	if _, err := os.Stat(recording); err == nil {
		return nil
	}
	sample, err := os.ReadFile("/sample.mp4")
	if err != nil {
		return err
	}
	free := make([]byte, size)
	rand.Read(free)
	binary.BigEndian.PutUint32(free, uint32(size))
	copy(free[4:], "free")
	if err := os.MkdirAll(dir+"/recordings/cam", 0o755); err != nil {
		return err
	}
	return os.WriteFile(recording, append(sample, free...), 0o644)
}

// startNginx serves the same file with the same certificate.
func startNginx(more string) (*server, error) {
	config := "daemon off; master_process off; pid /tmp/nginx.pid; error_log /tmp/nginx.log; user root;\n" +
		"events { worker_connections 4096; }\nhttp { access_log off; " +
		"client_body_temp_path /tmp/n1; proxy_temp_path /tmp/n2; fastcgi_temp_path /tmp/n3; uwsgi_temp_path /tmp/n4; scgi_temp_path /tmp/n5;\n" +
		"server { listen 127.0.0.1:8443 ssl; ssl_protocols TLSv1.3; ssl_certificate " + dir + "/state/certificate.pem; ssl_certificate_key " + dir +
		"/state/certificate-key.pem; root " + dir + "/recordings; " + more + " } }\n"
	if err := os.WriteFile("/tmp/nginx.conf", []byte(config), 0o600); err != nil {
		return nil, err
	}
	if err := os.MkdirAll("/var/log/nginx", 0o755); err != nil {
		return nil, err
	}
	s := &server{name: "nginx", args: []string{"nginx", "-c", "/tmp/nginx.conf"}, secure: "https://127.0.0.1:8443/cam/clip.mp4"}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, waitPort("127.0.0.1:8443")
}

func (s *server) start() error {
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	var said bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &said, &said
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// restart makes the peak of memory begin anew.
func (s *server) restart() error {
	s.stop()
	if err := s.start(); err != nil {
		return err
	}
	_, err := s.firstClip("http://127.0.0.1:8470")
	return err
}

// cpu is what the process has used, proc_pid_stat(5).
func (s *server) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 everywhere
	return time.Duration(user+system) * tick
}

// peak is VmHWM, proc_pid_status(5), in bytes.
func (s *server) peak() int64 {
	return number(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid), "VmHWM:") * 1024
}

// switched is how many connections the kernel has switched; none without its module.
func switched() int { return int(number("/proc/net/tls_stat", "TlsTxSw")) }

func number(path, key string) int64 {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

func waitFile(path string) (text []byte, err error) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if text, err = os.ReadFile(path); err == nil {
			return text, nil
		}
	}
	return nil, err
}

func waitPort(address string) (err error) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var c net.Conn
		if c, err = net.Dial("tcp", address); err == nil {
			return c.Close()
		}
	}
	return err
}
