package device

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// portsTried is how many ports above a taken default one are tried.
const portsTried = 20

// listen binds addr. A port that was asked for and is taken is an error that names key and owner; for a default one the
// next free port is taken.
func listen(key, addr string, asked bool) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if !errors.Is(err, unix.EADDRINUSE) {
		return ln, err
	}
	if asked {
		return nil, taken(key, addr, err)
	}
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	for i := 1; i <= portsTried && errors.Is(err, unix.EADDRINUSE); i++ {
		ln, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n+i)))
	}
	return ln, err
}

// taken says who has the port.
func taken(key, addr string, err error) error {
	return fmt.Errorf("%s = %q: %s: %w", key, addr, takenText(addr), err)
}

func takenText(addr string) string {
	owner := portOwner(addr)
	if owner == "" {
		owner = "another program"
	}
	return owner + " has this port already; stop it or choose another"
}

// portOwner names the process that listens on addr's port ("nginx, pid 12"), "" if it cannot be seen.
func portOwner(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil {
		return ""
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode := listenInode(table, n); inode != "" {
			return socketOwner(inode)
		}
	}
	return ""
}

// listenInode finds the listening socket on port in a table of proc(5).
func listenInode(table string, port int) string {
	const stateListen = "0A"
	text, _ := os.ReadFile(table)
	suffix := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 9 && strings.HasSuffix(f[1], suffix) && f[3] == stateListen {
			return f[9]
		}
	}
	return ""
}

func socketOwner(inode string) string {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		if t, _ := os.Readlink(l); t != "socket:["+inode+"]" {
			continue
		}
		process := filepath.Dir(filepath.Dir(l))
		name, _ := os.ReadFile(filepath.Join(process, "comm"))
		return strings.TrimSpace(string(name)) + ", pid " + filepath.Base(process)
	}
	return ""
}
