package device

import (
	"os"
	"strings"
)

// serial is the board's serial number as the firmware tells it in the device tree, "" on boards without one.
func serial() string { return firmware("/proc/device-tree/serial-number") }

// model is the board's name, "" where the firmware tells none.
func model() string { return firmware("/proc/device-tree/model") }

func firmware(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00\n")
}
