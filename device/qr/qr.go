// Package qr draws QR codes on terminals. Text in, characters out; it touches nothing else.
package qr

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"
)

// quiet is the blank border scanners need, in modules (ISO/IEC 18004 §6.3.8 asks for four; two are read everywhere and
// fit a small terminal).
const quiet = 2

// Print draws text as a QR code with half-block characters, two rows of modules to a line, dark on light whatever the
// terminal's colours are.
func Print(w io.Writer, text string) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return fmt.Errorf("draw the QR code of the sign-in link: %w", err)
	}
	const black, reset = "\x1b[30;107m", "\x1b[0m"
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var line strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			line.WriteString(halves[code.Black(x, y)][code.Black(x, y+1)])
		}
		if _, err := fmt.Fprintf(w, "%s%s%s\n", black, line.String(), reset); err != nil {
			return err
		}
	}
	return nil
}

// halves is the character for an upper and a lower module, each black or not.
var halves = map[bool]map[bool]string{
	true:  {true: "█", false: "▀"},
	false: {true: "▄", false: " "},
}
