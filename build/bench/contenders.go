package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"clipd/device/api"
)

// A contender is a server that takes part in the comparison.
type contender struct {
	name  string
	start func(ctx context.Context, b *bench, s site) (*server, error)
}

const (
	ours      = "clipd"
	userspace = "io.Copy in user space"
	content   = "http.ServeContent"
)

// contenders are started anew for each load and round, one after the other, so that a figure is of that load alone.
var contenders = []contender{
	{ours, startClipd},
	{userspace, startSending("userspace")},
	{"io.Copy with ReadFrom", startSending("readfrom")},
	{"hijack, blocking sendfile", startSending("hijack")},
	{content, startSending("servecontent")},
	{"nginx", startNginx},
	{"lighttpd", startLighttpd},
	{"Caddy", startCaddy},
}

// site is what all of them serve: one clip.
type site struct {
	dir  string // holds clip.mp4 and the configuration of the servers
	size int64
	// config is added to clipd's, which is the only one that is limited unless told otherwise.
	config string
	memory int64 // bytes that clipd may have, in a memory cgroup of its own; 0: no cgroup
}

const siteToken = "bench" // the programs beside clipd take any; theirs is not kept secret

// server is a contender at work.
type server struct {
	name, address string
	request       string // request target
	header        string // of every request, with CRLF
	pids          []int  // all its processes
	box           *box   // of clipd alone
	stop          func() error
}

// startProgram runs cmd until stop and waits until it accepts connections and has its workers, so many processes: all that
// it uses is to be counted.
func startProgram(ctx context.Context, name, address, request string, workers int, cmd *exec.Cmd) (*server, error) {
	log, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return nil, err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &server{name: name, address: address, request: request, header: "Authorization: Bearer " + siteToken + "\r\n"}
	s.stop = func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // by our signal
		return err
	}
	patience, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err = wait(patience, func() (bool, error) {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false, nil
		}
		c.Close()
		s.pids, err = family(cmd.Process.Pid)
		return len(s.pids) > workers, err
	})
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("%s: %w: %s", name, err, said), s.stop())
	}
	return s, nil
}

func startSending(how string) func(context.Context, *bench, site) (*server, error) {
	return func(ctx context.Context, _ *bench, s site) (*server, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		address := freeAddress()
		cmd := exec.Command(self, "serve", "-how", how, "-listen", address, "-file", filepath.Join(s.dir, "clip.mp4"), "-token", siteToken)
		return startProgram(ctx, how, address, "/clip.mp4", 0, cmd)
	}
}

// startConfigured runs a program that reads its configuration from a file.
func startConfigured(ctx context.Context, s site, address, config string, workers int, program string, args ...string) (*server, error) {
	file := filepath.Join(s.dir, program+".conf")
	if err := os.WriteFile(file, []byte(config), 0o666); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, append(args, file)...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if path, err := exec.LookPath("/usr/sbin/" + program); err == nil {
		cmd.Path = path
	}
	return startProgram(ctx, program, address, "/clip.mp4", workers, cmd)
}

func startNginx(ctx context.Context, _ *bench, s site) (*server, error) {
	address, workers := freeAddress(), runtime.NumCPU()
	return startConfigured(ctx, s, address, fmt.Sprintf(`daemon off; user root; worker_processes %[3]d; pid %[1]s/nginx.pid; error_log stderr crit;
events { worker_connections 8192; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi; server { listen %[2]s backlog=8192; root %[1]s; } }
`, s.dir, address, workers), workers, "nginx", "-p", s.dir, "-c")
}

func startLighttpd(ctx context.Context, _ *bench, s site) (*server, error) {
	address := freeAddress()
	host, port, _ := net.SplitHostPort(address)
	return startConfigured(ctx, s, address, fmt.Sprintf(`server.document-root = %q
server.bind = %q
server.port = %s
server.max-fds = 16384
server.network-backend = "sendfile"
server.max-keep-alive-requests = 1000000
`, s.dir, host, port), 0, "lighttpd", "-D", "-f")
}

func startCaddy(ctx context.Context, _ *bench, s site) (*server, error) {
	address := freeAddress()
	return startConfigured(ctx, s, address, fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://%s {\n\troot * %s\n\tfile_server\n}\n",
		address, s.dir), 0, "caddy", "run", "--adapter", "caddyfile", "--config")
}

// startClipd runs the program people run, with everything on: catalogue, watches, embedded broker.
func startClipd(ctx context.Context, b *bench, s site) (*server, error) {
	dir := filepath.Join(s.dir, "box")
	recording := filepath.Join(dir, "recordings", "front", "clip.mp4")
	if err := os.MkdirAll(filepath.Dir(recording), 0o777); err != nil {
		return nil, err
	}
	if err := os.Link(filepath.Join(s.dir, "clip.mp4"), recording); err != nil && !os.IsExist(err) {
		return nil, err
	}
	x, err := b.startBox(ctx, dir, "embedded", s.config)
	if err != nil {
		return nil, err
	}
	sv := &server{name: ours, address: strings.TrimPrefix(x.url, "http://"), box: x, pids: []int{x.pid}, stop: x.stop,
		header: "Authorization: Bearer " + x.token + "\r\n"}
	if s.memory > 0 {
		err = sv.confine(s.memory)
	}
	if err == nil {
		sv.request, err = x.onlyClip(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, sv.stop())
	}
	return sv, nil
}

// onlyClip waits for the clip and returns where its bytes are.
func (x *box) onlyClip(ctx context.Context) (path string, err error) {
	if err := x.settled(ctx, 1); err != nil {
		return "", err
	}
	var page struct {
		Clips []api.Clip `json:"clips"`
	}
	if code, err := x.get(ctx, "/api/v1/clips", &page); err != nil || code != http.StatusOK || len(page.Clips) == 0 {
		return "", fmt.Errorf("clipd lists no clip: status %d (%w)", code, err)
	}
	return page.Clips[0].URLPath, nil
}
