package device

import (
	"fmt"
	"io"
	"strings"

	"clipd/device/root"
)

// CheckConfig tells w that cfg is in order (Load refused it otherwise), what is not at its default, and what the recordings
// folder lacks, with the commands that mend it. A folder that is away is told, not an error: its disk may come later.
func CheckConfig(cfg Config, w io.Writer) error {
	if ran, err := cfg.asUnit(w); ran || err != nil {
		return err
	}
	fmt.Fprintln(w, "configuration: in order")
	if cfg.MQTT.PasswordFile != "" {
		if _, err := cfg.secret("mqtt.password_file", cfg.MQTT.PasswordFile); err != nil {
			return err
		}
	}
	if err := cfg.checkPair(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "posters: %s\n", cfg.posterMaker())
	fmt.Fprintf(w, "recordings: %s\n", cfg.Root)
	for _, t := range root.Try(cfg.Root) {
		if t.Err == nil {
			fmt.Fprintf(w, "  %s: works\n", t.What)
			continue
		}
		fmt.Fprintf(w, "  %s: %v\n", t.What, t.Err)
		mends(w, t.Fix)
	}
	if fix := missingDropIn(cfg.Root, dropIns); cfg.file == unitConfig && fix != "" {
		fmt.Fprintln(w, "  clipd.service: may not write there, whatever the permissions are")
		mends(w, fix)
	}
	return nil
}

func mends(w io.Writer, fix string) {
	if fix != "" {
		fmt.Fprintf(w, "  this mends it:\n    %s\n", strings.ReplaceAll(fix, "\n", "\n    "))
	}
}
