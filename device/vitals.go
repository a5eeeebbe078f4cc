package device

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clipd/device/api"
	"clipd/device/root"
)

// diskOf is nil while the recordings folder is away.
func diskOf(r *root.Root) *api.Disk {
	free, total, err := r.Free()
	if err != nil {
		return nil
	}
	return &api.Disk{Total: total, Used: total - free, Free: free}
}

// memory is the resident set of this process in bytes (proc_pid_statm(5)), 0 where it is not told.
func memory() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// thermal is where Linux tells temperatures (Documentation/driver-api/thermal/sysfs-api.rst).
const thermal = "/sys/class/thermal"

// temperature is that of the processor in °C, else that of the first zone in the folder dir; nil where there is none.
func temperature(dir string) *float64 {
	zones, _ := filepath.Glob(filepath.Join(dir, "thermal_zone*"))
	var found *float64
	for _, zone := range zones {
		text, _ := os.ReadFile(filepath.Join(zone, "temp"))
		milli, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			continue
		}
		celsius := float64(milli) / 1000
		kind, _ := os.ReadFile(filepath.Join(zone, "type"))
		if name := string(kind); strings.HasPrefix(name, "cpu") || strings.HasPrefix(name, "x86_pkg") || strings.HasPrefix(name, "soc") {
			return &celsius
		}
		if found == nil {
			found = &celsius
		}
	}
	return found
}
