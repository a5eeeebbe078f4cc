package device

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What systemd/clipd.service says.
const (
	unitConfig = "/etc/clipd/clipd.toml"
	unitUser   = "clipd"
	unitHome   = "/var/lib/clipd" // StateDirectory=
)

// dropIns are where systemd reads what is added to a unit.
var dropIns = []string{"/etc/systemd/system/clipd.service.d", "/run/systemd/system/clipd.service.d", "/usr/lib/systemd/system/clipd.service.d"}

// asUnit runs the same check as the user of the unit, if this is root looking at the unit's configuration: root may
// everything, and would find nothing missing. ok is false where there is nothing to run.
func (c *Config) asUnit(w io.Writer) (ok bool, err error) {
	u, err := user.Lookup(unitUser)
	if os.Geteuid() != 0 || c.file != unitConfig || err != nil {
		return false, nil
	}
	who, err := credential(u)
	if err != nil {
		return false, err
	}
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Stdout, again.Stderr = w, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if err := again.Run(); err != nil {
		return true, fmt.Errorf("checking as user %s: %w", unitUser, err)
	}
	return true, nil
}

// credential is u with all its groups, as systemd starts it.
func credential(u *user.User) (*syscall.Credential, error) {
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %s: %w", u.Username, err)
	}
	number := func(s string) uint32 { n, _ := strconv.ParseUint(s, 10, 32); return uint32(n) }
	c := &syscall.Credential{Uid: number(u.Uid), Gid: number(u.Gid)}
	for _, g := range groups {
		c.Groups = append(c.Groups, number(g))
	}
	return c, nil
}

// missingDropIn is what the unit lacks to reach a root outside its own folder, "" if nothing: the commands that add it.
// Its ProtectSystem= makes everything else read-only, which no permission of a file tells.
func missingDropIn(root string, folders []string) string {
	if within(root, unitHome) || named(root, folders) {
		return ""
	}
	// The parent, so that a disk that is mounted there later is seen.
	lines := `ReadWritePaths=-` + filepath.Dir(root)
	if within(root, "/home") || within(root, "/root") {
		lines += `\nProtectHome=no`
	}
	return fmt.Sprintf("mkdir -p %s\nprintf '[Service]\\n%s\\n' > %s/root.conf\nsystemctl daemon-reload && systemctl restart clipd",
		folders[0], lines, folders[0])
}

// named reports whether a drop-in lets the unit write to root.
func named(root string, folders []string) bool {
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "*.conf"))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			for line := range strings.Lines(string(text)) {
				value, is := strings.CutPrefix(strings.TrimSpace(line), "ReadWritePaths=")
				for _, path := range strings.Fields(value) {
					if is && within(root, strings.TrimLeft(path, "-+")) {
						return true
					}
				}
			}
		}
	}
	return false
}

// within reports whether path is folder or beneath it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
