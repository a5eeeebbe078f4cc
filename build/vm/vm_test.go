package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need skips the test where a program is missing, and fails it where CI is set.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed; build/deps.sh test installs it", p)
		}
		t.Skipf("%s is not installed", p)
	}
}

// tlsModules are what the kernel needs to make TLS records with all three suites, with this processor's instructions.
var tlsModules = []string{"tls", "gcm", "ctr", "aesni-intel", "ghash-clmulni-intel", "chacha20poly1305", "chacha-x86_64", "poly1305-x86_64"}

func kernel(t *testing.T) *Kernel {
	t.Helper()
	need(t, "qemu-system-x86_64", "apt-get", "dpkg-deb", "ldd")
	k, err := OpenKernel(t.Context(), filepath.Join("..", "..", "bin", "vm", "kernel"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// compile makes the static test program of a package.
func compile(t *testing.T, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg)+".test")
	cmd := exec.Command("go", "test", "-c", "-o", out, "clipd/"+pkg)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v: %s", err, text)
	}
	return out
}

// TestKernelTLS runs the tests of HTTPS under a kernel that makes records.
func TestKernelTLS(t *testing.T) {
	if os.Getenv("VM") == "" {
		t.Skip("it takes minutes: make vm-test runs it")
	}
	m := Machine{
		Kernel: kernel(t), Modules: tlsModules,
		Files:    map[string]string{"/ktls.test": compile(t, "device/ktls"), "/httpd.test": compile(t, "device/httpd")},
		Programs: []string{"curl", "openssl", "gnutls-cli"},
		Commands: [][]string{{"/ktls.test", "-test.v"}, {"/httpd.test", "-test.v", "-test.run=HTTPS"}},
		Env:      []string{"CI=1", "KERNEL_TLS=1"},
	}
	run(t, m)
}

// run runs m, which must succeed, and returns what it printed.
func run(t *testing.T, m Machine) string {
	t.Helper()
	var out strings.Builder
	code, err := m.Run(t.Context(), t.TempDir(), &out)
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out.String())
	}
	t.Log(out.String())
	return out.String()
}
