package announce

import (
	"os/exec"
	"testing"
)

// passwd makes a password file for mosquitto.
func passwd(t *testing.T, file, user, password string) {
	t.Helper()
	if out, err := exec.Command(program(t, "mosquitto_passwd"), "-c", "-b", file, user, password).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
}
