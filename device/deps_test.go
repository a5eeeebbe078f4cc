package device

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A rule says which packages of this module one package may import, and why no others.
type rule struct {
	of     string
	may    []string
	reason string
}

// Imports run one way: cmd -> device -> the parts -> root, link, clock -> store, device/api. Siblings do not know each
// other: what one needs of another arrives as a function in its Config. A package without a rule fails the test.
var rules = []rule{
	{"store", nil, "the words everyone shares stand at the bottom"},
	{"device/api", []string{"store"}, "what travels is made from rows of the catalogue, and from nothing else"},
	{"device/clock", nil, "time is given to everyone and takes from no one"},
	{"device/link", []string{"device/clock", "store"}, "a link is an id, a key and a time"},
	{"device/certificate", []string{"device/clock", "store"}, "a pair and when it ends; who is shown it is httpd's business"},
	{"device/lane", nil, "whose turn at the disk it is; what the work is for is no business of it"},
	{"device/root", []string{"store"}, "a folder and its marker; what the files mean is ingest's business"},

	{"device/wish", nil, "pure: what clipd asks of root, in one form and with one check for both sides"},
	{"device/qr", nil, "text in, characters out"},
	{"device/mdns", nil, "tells name and port of a box; what a box is, it need not know"},

	{"device/watch", []string{"device/root", "device/clock"}, "it yields paths; which of them are clips is ingest's business"},
	{"device/probe", nil, "pure: bytes in, facts out, so that it can be fuzzed"},
	{"device/sendfile", nil, "moves bytes from files to sockets and knows neither clips nor HTTP's meaning"},
	{"device/ktls", nil, "a listener like any other"},
	{"device/ingest", []string{"device/watch", "device/probe", "device/root", "device/clock", "device/lane", "device/api", "store"},
		"turns files into clips; who hears of them is the journal's business"},
	{"device/announce", []string{"device/link", "device/clock", "device/api", "store"},
		"reads the journal, not the disk: what is announced is what was committed"},
	{"device/broker", []string{"device/clock"}, "a broker for anybody; it knows no clip"},
	{"device/httpd", []string{"device/sendfile", "device/ktls", "device/httpd/web", "device/httpd/zip", "device/root", "device/link",
		"device/clock", "device/api", "store"}, "HTTP must go on while the broker or a scan is in trouble"},
	{"device/update", []string{"store"}, "versions in a folder; who brings them and what runs them it need not know"},
	{"device/httpd/zip", nil, "pure: numbers and names in, records out"},
	{"device/httpd/web", nil, "files for browsers, no code of the box"},
	{"device/push", []string{"device/root", "device/link", "device/clock", "device/lane", "device/api", "store"},
		"sends clips out of the catalogue; who asked for it is announce's and httpd's business"},
	{"device/poster", []string{"device/probe", "device/root", "store"},
		"pictures of what is in the catalogue; who shows them is httpd's and announce's business"},
	{"device/retain", []string{"device/root", "device/clock", "device/api", "store"},
		"what may be deleted is decided from the catalogue and the disk alone"},

	{"device", []string{"device/*", "store"}, "the one place that ties the parts together"},
	{"cmd/clipd", []string{"device", "store"},
		"main decides nothing; of the store it needs only that this program is also its verifying child"},
	{"cmd/clipd-boot", []string{"device/qr", "device/wish", "store"},
		"it runs as root beside the box: tokens and the sign-in link are the store's, what the box asks of it is device/wish's"},
	{"cmd/clipd-launch", []string{"device/update"}, "it decides nothing about clips: it becomes clipd"},
	{"build/bundle", []string{"device/update"}, "whoever makes bundles and whoever takes them share one format"},
	{"cmd/clipctl", []string{"device/api"}, "a client knows what travels, never how the box keeps it"},
	{"build/vm", nil, "a computer for whatever program it is given"},
	{"build/vm/guest", nil, "the first process there"},
	{"build/vm/figure", []string{"build/vm"}, "figures are measured from outside, on the program people run"},
	{"build/vm/figure/load", nil, "as above, from within"},
	{"build/bench", []string{"device/api", "store"},
		"figures are measured from outside, on the program people run; a million clips are written by the store alone"},
	{"build/image", nil, "a card image is booted and asked from outside"},
	{"build/soak", nil, "what a box promises is tried from outside, on the program people run"},
}

// A sole is an import path that only the packages named may have, in the code that ships.
type sole struct {
	path   string // itself and everything beneath it
	of     []string
	reason string
}

var soles = []sole{
	{"go.etcd.io/bbolt", []string{"store"}, "the file format and its traps stay in one place"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"device/announce", "cmd/clipctl"},
		"its tokens lie after a reconnect; in the daemon one package knows, and the client, which only listens, ends with each session"},
	{"github.com/mochi-mqtt/server", []string{"device/broker"}, "the embedded broker can be replaced by any other"},
	{"github.com/BurntSushi/toml", []string{"device", "cmd/clipctl", "cmd/clipd-boot"}, "configuration reaches the parts as values"},
	{"github.com/coreos/go-systemd", []string{"device"}, "the parts run without systemd"},
	{"github.com/VictoriaMetrics/metrics", []string{"device", "device/httpd"}, "parts count in plain integers"},
	{"github.com/spf13/cobra", []string{"cmd/clipctl"}, "the daemon has flags, not commands"},
	{"github.com/vbauerster/mpb", []string{"cmd/clipctl"}, "only people watch progress bars"},
	{"net/http", []string{"device/api", "device/httpd", "device/httpd/web", "device/sendfile", "device/push", "device",
		"cmd/clipctl", "build/bench", "build/soak", "build/vm/figure/load"}, "clips are found, kept and announced without HTTP (device/api takes its status codes)"},
	{"os/exec", []string{"store", "device", "device/ingest", "device/poster", "cmd/clipctl", "cmd/clipd-boot", "cmd/clipd-launch", "build/bench",
		"build/soak", "build/vm", "build/vm/guest", "build/vm/figure", "build/vm/figure/load"},
		"whoever handles outside bytes starts no program (the store starts its own, to verify a catalogue; posters are drawn by one)"},
	{"github.com/hanwen/go-fuse", []string{"build/soak", "build/bench"}, "disks that are slow or whose plug is pulled; no box mounts anything"},
	{"unsafe", []string{"store", "device/watch", "device/root", "device/sendfile", "device/ktls"},
		"only next to the kernel"},
}

// rooted packages handle recordings and reach them only through device/root, which refuses links, pipes and escapes.
var rooted = []string{"device/ingest", "device/httpd", "device/push", "device/poster", "device/retain", "device/probe", "device/announce",
	"device/link", "device/api"}

// openers are the functions that reach a file by its path.
var openers = map[string][]string{
	"os": {"Open", "OpenFile", "OpenInRoot", "OpenRoot", "Create", "ReadFile", "WriteFile", "ReadDir", "Stat", "Lstat",
		"Remove", "RemoveAll", "Rename", "Mkdir", "MkdirAll", "Link", "Symlink", "Truncate", "DirFS"},
	"unix": {"Open", "Openat", "Openat2", "Unlink", "Unlinkat", "Rename", "Renameat", "Renameat2", "Stat", "Lstat", "Fstatat"},
}

type pkg struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, "clipd/") }

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.of == p.name() })
		if i < 0 {
			t.Errorf("%s has no rule: say what it may import, and why", p.name())
			continue
		}
		for _, to := range p.Imports {
			to, ours := strings.CutPrefix(to, "clipd/")
			if ours && !rules[i].allows(to) {
				t.Errorf("%s imports %s: %s", p.name(), to, rules[i].reason)
			}
		}
	}
}

func (r rule) allows(to string) bool {
	return slices.ContainsFunc(r.may, func(m string) bool {
		beneath, all := strings.CutSuffix(m, "*")
		return m == to || all && strings.HasPrefix(to, beneath)
	})
}

func TestImportsHaveOneImporter(t *testing.T) {
	for _, p := range packages(t) {
		for _, s := range soles {
			if i := slices.IndexFunc(p.Imports, s.covers); i >= 0 && !slices.Contains(s.of, p.name()) {
				t.Errorf("%s imports %s, which is for %s: %s", p.name(), p.Imports[i], strings.Join(s.of, ", "), s.reason)
			}
		}
	}
}

func (s sole) covers(path string) bool { return path == s.path || strings.HasPrefix(path, s.path+"/") }

func TestImportsOpenNoRecordings(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(rooted, p.name()) {
			continue
		}
		for _, name := range p.GoFiles {
			for _, call := range opens(t, filepath.Join(p.Dir, name)) {
				t.Errorf("%s/%s calls %s: recordings are opened by device/root alone", p.name(), name, call)
			}
		}
	}
}

// opens returns the openers that the file at path calls. A path that is written out, such as "/etc/resolv.conf", is none
// of a recording.
func opens(t *testing.T, path string) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && opener(call) != "" {
			found = append(found, opener(call))
		}
		return true
	})
	return found
}

// opener is the name of the opener that call calls with a path made at run time, or "".
func opener(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	if _, literal := call.Args[0].(*ast.BasicLit); literal {
		return ""
	}
	if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(openers[x.Name], sel.Sel.Name) {
		return x.Name + "." + sel.Sel.Name
	}
	return ""
}

// packages lists this module as it is built for a box, without its tests: those may import what they compare with.
func packages(t *testing.T) (ps []pkg) {
	t.Helper()
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles", "clipd/...")
	list.Env = append(list.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		ps = append(ps, p)
	}
	if len(ps) < 5 {
		t.Fatalf("go list found %d packages", len(ps))
	}
	return ps
}
