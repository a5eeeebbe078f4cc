package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// bootProblemFile is where clipd-boot, which runs before clipd, says what is wrong with the file on the boot partition.
const bootProblemFile = "boot-problem"

const partBoot = "boot"

const maxBootProblem = 4096 // bytes of it

// noteBoot makes what clipd-boot could not do a problem of the box until the next start.
func (b *box) noteBoot() error {
	text, err := os.ReadFile(filepath.Join(b.cfg.State, bootProblemFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what clipd-boot noted: %w", err)
	}
	b.problems.set(partBoot, strings.TrimSpace(string(text[:min(len(text), maxBootProblem)])))
	return nil
}

// tellSystem gives systemd the line that systemctl status shows, and clipd-boot writes onto the boot partition.
func (b *box) tellSystem() {
	said := "ready"
	if problems := b.problems.all(); len(problems) > 0 {
		said = strings.ReplaceAll(strings.Join(problems, "; "), "\n", "; ")
	}
	notify{b.log}.say("STATUS=" + said)
}
