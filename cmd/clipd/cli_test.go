package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clipd runs the binary to its end and returns what it printed and its exit code.
func clipd(t *testing.T, stdin string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	address := taken.Addr().String()
	dir := t.TempDir()
	for _, tt := range []struct {
		name, stdin string
		args        []string
		code        int
		says        []string
	}{
		{"version", "", []string{"-version"}, 0, []string{"clipd "}},
		{"good configuration", "name = \"x\"", []string{"-check-config", "-config", "-", "-dir", dir}, 0, []string{"in order"}},
		{"unknown key", "\nnmae = \"x\"", []string{"-check-config", "-config", "-"}, 2, []string{"standard input:2:", "nmae", "did you mean name?"}},
		{"bad value", "[keep]\nage = \"soon\"", []string{"-check-config", "-config", "-"}, 2, []string{"standard input:2:", "keep.age"}},
		{"missing file", "", []string{"-config", "/nowhere/clipd.toml"}, 2, []string{"/nowhere/clipd.toml"}},
		{"unknown flag", "", []string{"-colour"}, 2, []string{"-colour"}},
		{"argument", "", []string{"start"}, 2, []string{`"start"`}},
		{"port taken", "", []string{"-dir", dir, "-broker", "none", "-listen", address}, 1, []string{"http.listen", address, fmt.Sprintf("pid %d", os.Getpid())}},
		{"bad role", "", []string{"-dir", dir, "-add-token", "kim=king"}, 1, []string{"viewer, operator and admin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, code := clipd(t, tt.stdin, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d:\n%s", code, tt.code, out)
			}
			for _, want := range tt.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestCatalogueInUseIsOneSentence(t *testing.T) {
	b := startBox(t, "-broker", "none")
	out, code := clipd(t, "", "-dir", b.dir, "-listen", "127.0.0.1:0", "-broker", "none")
	if code != 1 || strings.Count(out, "clipd:") != 1 || !strings.Contains(out, "in use by another process") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// A default port that is taken is no error: the second box takes the next ones and says so.
func TestDefaultPortsThatAreTaken(t *testing.T) {
	first := &box{t: t, dir: t.TempDir(), args: nil}
	second := &box{t: t, dir: t.TempDir()}
	t.Cleanup(first.kill)
	t.Cleanup(second.kill)
	for _, b := range []*box{first, second} {
		b.launchIn(b.dir)
		b.ready()
	}
	if first.url == second.url {
		t.Errorf("both are at %s", first.url)
	}
	if s := second.status(); len(s.Problems) == 0 || !strings.Contains(strings.Join(s.Problems, " "), "embedded broker") {
		t.Errorf("the status does not say that the broker's port is taken: %+v", s)
	}
}

// A token made beside a running box works at once, and its sign-in link once.
func TestAddTokenToARunningBox(t *testing.T) {
	b := startBox(t, "-broker", "none")
	out, code := clipd(t, "", "-dir", b.dir, "-add-token", "kim=viewer")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	token := field(out, "token:")
	link := field(out, "sign in:")
	if status := b.as(token, "GET", "/api/v1/clips"); status != 200 {
		t.Errorf("the new token gets %d", status)
	}
	if status := b.as(token, "POST", "/api/v1/links/revoke"); status != 403 {
		t.Errorf("a viewer may revoke links: %d", status)
	}
	if !strings.HasPrefix(link, b.url+"/login?token=") {
		t.Fatalf("the sign-in link is %q", link)
	}
	for i, want := range []string{"/", "/login"} {
		if got := land(t, link); !strings.HasPrefix(got, want) || (i == 1 && got == "/") {
			t.Errorf("use %d of the sign-in link lands on %q, want %q", i+1, got, want)
		}
	}
}

func field(out, name string) string {
	_, rest, _ := strings.Cut(out, name)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func TestCheckConfigNamesTheCommandsThatMend(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("it takes root to make another user's folder")
		}
		t.Skip("it takes root to make another user's folder")
	}
	dir, err := os.MkdirTemp("", "clipd-other-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	recordings := filepath.Join(dir, "recordings")
	must(t, os.Mkdir(recordings, 0o750))
	cmd := exec.Command(binary, "-check-config", "-config", "-", "-dir", dir)
	cmd.Stdin = strings.NewReader("")
	out, err := asNobody(t, cmd)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "usermod -aG root") {
		t.Errorf("it names no command that lets nobody in:\n%s", out)
	}
}
