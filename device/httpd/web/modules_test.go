package web

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The logic of the modules that needs no page is tested by node, which runs them as they are in src.
func TestModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node is not installed: build/deps.sh test")
		}
		t.Skip("node is not installed: build/deps.sh test")
	}
	tests, err := filepath.Glob("testdata/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests of modules: %v", err)
	}
	out, err := exec.Command(node, append([]string{"--no-warnings", "--test"}, tests...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
