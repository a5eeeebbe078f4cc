package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Trial is one thing clipd needs of the recordings folder, tried.
type Trial struct {
	What string // "read", "write", "lease", "inotify"
	Err  error  // nil: it works
	Fix  string // the exact commands that mend it
}

// Try tries what clipd needs of dir as the user it runs as: to read it, to write to it, to take read leases on other
// users' files (fcntl(2) F_SETLEASE) and to watch every folder (inotify(7)). It leaves nothing behind.
func Try(dir string) []Trial {
	read := tryRead(dir)
	if read.Err != nil {
		return []Trial{read}
	}
	return []Trial{read, tryWrite(dir), tryLease(dir), tryInotify(dir)}
}

func tryRead(dir string) Trial {
	t := Trial{What: "read"}
	fi, err := os.Stat(dir)
	if err == nil && !fi.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	if err == nil {
		_, err = os.ReadDir(dir)
	}
	t.Err = err
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Fix = fmt.Sprintf("install -d -m 2775 -o %s %s", userName(), dir)
	case errors.Is(err, fs.ErrPermission):
		t.Fix = joinGroup(dir, "r-x")
	}
	return t
}

func tryWrite(dir string) Trial {
	f, err := os.CreateTemp(dir, ".clipd-try-*")
	if err != nil {
		t := Trial{What: "write", Err: err, Fix: joinGroup(dir, "rwx")}
		if errors.Is(err, unix.EROFS) {
			t.Fix = "mount -o remount,rw " + dir
		}
		return t
	}
	f.Close()
	return Trial{What: "write", Err: os.Remove(f.Name())}
}

// joinGroup lets us in by the group of what is closed to us: the folder itself, or the first folder above it that we may
// not enter. The owner stays the recorder's user.
func joinGroup(dir, bits string) string {
	closed, change := blocked(dir), "chmod g+x"
	if closed == dir {
		change = "chmod -R g+" + strings.ReplaceAll(strings.ReplaceAll(bits, "-", ""), "x", "X")
	}
	fi, err := os.Stat(closed)
	if err != nil {
		return ""
	}
	gid := strconv.Itoa(int(fi.Sys().(*syscall.Stat_t).Gid))
	if g, err := user.LookupGroupId(gid); err == nil {
		gid = g.Name
	}
	return fmt.Sprintf("usermod -aG %s %s\n%s %s\nsystemctl restart clipd", gid, userName(), change, closed)
}

// blocked is the first folder on the way to dir that cannot be entered, dir if all can.
func blocked(dir string) string {
	for end := 1; end < len(dir); end++ {
		if dir[end] != '/' {
			continue
		}
		if _, err := os.Stat(dir[:end] + "/."); errors.Is(err, fs.ErrPermission) {
			return dir[:end]
		}
	}
	return dir
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "clipd"
}

// tryLease wants a file of another user: on those a lease takes CAP_LEASE. Without one there is nothing to try.
func tryLease(dir string) Trial {
	t := Trial{What: "lease"}
	path := foreignFile(dir)
	if path == "" {
		return t
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		t.Err, t.Fix = err, joinGroup(dir, "r-x")
		return t
	}
	defer f.Close()
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Err = fmt.Errorf("lease on %s: %w", path, err)
		t.Fix = "mkdir -p /etc/systemd/system/clipd.service.d\n" +
			"printf '[Service]\\nAmbientCapabilities=CAP_LEASE\\n' > /etc/systemd/system/clipd.service.d/lease.conf\n" +
			"systemctl daemon-reload && systemctl restart clipd"
	}
	return t
}

// foreignFile finds a regular file beneath dir that another user owns, among the first few thousand entries.
func foreignFile(dir string) (found string) {
	left := 5000
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if left--; left < 0 || found != "" {
			return fs.SkipAll
		}
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		fi, err := d.Info()
		if err == nil && int(fi.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
			found = path
		}
		return nil
	})
	return found
}

func tryInotify(dir string) Trial {
	t := Trial{What: "inotify"}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Err = fmt.Errorf("inotify_init1: %w", err)
		t.Fix = "sysctl -w fs.inotify.max_user_instances=1024"
		return t
	}
	defer unix.Close(fd)
	folders := 0
	t.Err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // an unreadable folder is watched by nobody and told by the read trial of its owner
		}
		folders++
		if _, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_WRITE); err != nil {
			return fmt.Errorf("inotify_add_watch %s: %w", path, err)
		}
		return nil
	})
	if t.Err != nil {
		t.Fix = fmt.Sprintf("echo 'fs.inotify.max_user_watches=%d' > /etc/sysctl.d/60-clipd.conf && sysctl --system", max(65536, 4*folders))
	}
	return t
}
