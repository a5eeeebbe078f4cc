package device

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTemperatureIsTheProcessors(t *testing.T) {
	dir := t.TempDir()
	if got := temperature(dir); got != nil {
		t.Errorf("a board without a thermometer has %v", *got)
	}
	zone := func(name, kind, temp string) {
		folder := filepath.Join(dir, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"type": kind, "temp": temp} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	zone("thermal_zone0", "wifi", "nothing")
	zone("thermal_zone1", "battery", "25000")
	if got := temperature(dir); got == nil || *got != 25 {
		t.Errorf("got %v, want the only one there is", got)
	}
	zone("thermal_zone2", "cpu-thermal", "-1500")
	if got := temperature(dir); got == nil || *got != -1.5 {
		t.Errorf("got %v, want the processor's", got)
	}
}

func TestMemoryIsWhatThisProcessHas(t *testing.T) {
	if got := memory(); got < 1<<20 || got > 4<<30 {
		t.Errorf("%d bytes", got)
	}
}
