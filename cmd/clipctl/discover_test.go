package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// network is one of the test's own, in which nothing else answers.
const network = `ip link add box0 type veth peer name box1 && ip addr add 192.0.2.1/24 dev box0 && ip link set lo up &&
	ip link set box0 up && ip link set box1 up && ip route add 224.0.0.0/4 dev box0`

// A box that runs is found with what it is called, its id, version and port.
func TestDiscoverFindsABox(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the real clipd")
	}
	bin, dir := programs(t), t.TempDir()
	if out, err := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c", network).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a network namespace cannot be made: %v: %s", err, out)
		}
		t.Skipf("a network namespace cannot be made: %v: %s", err, out)
	}
	write(t, filepath.Join(dir, "clipd.toml"), []byte("name = \"the porch\"\n[mqtt]\nbroker = \"none\"\n"))
	box := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c", network+` && exec "$0" "$@"`,
		filepath.Join(bin, "clipd"), "-config", filepath.Join(dir, "clipd.toml"), "-dir", dir)
	var log bytes.Buffer
	box.Stderr = &log
	if err := box.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Process.Kill(); box.Wait() })
	b := findBox(t, bin, box.Process.Pid)
	id, err := os.ReadFile(filepath.Join(dir, "state", "box-id"))
	if err != nil {
		t.Fatal(err)
	}
	if b.Name != "the porch" || b.Box != strings.Fields(string(id))[0] || b.Version == "" || b.URL != "http://192.0.2.1:8470" {
		t.Errorf("found %+v", b)
	}
}

// findBox runs clipctl discover in the network of process pid until it finds a box.
func findBox(t *testing.T, bin string, pid int) (b found) {
	t.Helper()
	for end := time.Now().Add(longest); time.Now().Before(end); {
		look := exec.Command("nsenter", "--target", strconv.Itoa(pid), "--user", "--net", "--preserve-credentials",
			filepath.Join(bin, "clipctl"), "discover", "--json", "--wait", "1s")
		out, err := look.Output()
		if err == nil && json.Unmarshal(out, &b) == nil {
			return b
		}
	}
	t.Fatalf("no box was found within %v", longest)
	return b
}
