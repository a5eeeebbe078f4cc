package httpd

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"clipd/device/httpd/web"
)

// quiet is the blank border that scanners need, in modules (ISO/IEC 18004 §6.3.8).
const quiet = 4

// qrOf draws text.
func qrOf(text, label string) (web.QR, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return web.QR{}, fmt.Errorf("draw a QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			run := 1
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			x += run
		}
	}
	return web.QR{Size: code.Size + 2*quiet, Path: path.String(), Label: label}, nil
}
