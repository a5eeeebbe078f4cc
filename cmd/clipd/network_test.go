package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// badLine is a line to the server at address that can be made slow, narrow, or break.
func badLine(t *testing.T, address string) *toxiproxy.Proxy {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	line := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "line", "127.0.0.1:0", address)
	must(t, line.Start())
	t.Cleanup(line.Stop)
	return line
}

// poison makes the line bad, in one direction, until cure.
func poison(t *testing.T, line *toxiproxy.Proxy, kind, attributes, stream string) (cure func()) {
	t.Helper()
	text := fmt.Sprintf(`{"name":%[1]q,"type":%[1]q,"stream":%q,"attributes":{%s}}`, kind, stream, attributes)
	_, err := line.Toxics.AddToxicJson(strings.NewReader(text))
	must(t, err)
	return func() { must(t, line.Toxics.RemoveToxic(context.Background(), kind)) }
}

// toxics are what lines suffer from; breaks tells those that end a connection.
var toxics = []struct {
	kind, attributes string
	breaks           bool
}{
	{"latency", `"latency":200,"jitter":100`, false},
	{"bandwidth", `"rate":10`, false},
	{"slicer", `"average_size":7,"size_variation":3,"delay":100`, false},
	{"reset_peer", `"timeout":20`, true},
	{"timeout", `"timeout":50`, true},
}

// Between the box and the broker lies a bad line: each clip is announced, in the order of the journal, through a slow one
// and after one that broke.
func TestBadLineToTheBroker(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	events := m.subscribe("clipd/+/event")
	line := badLine(t, m.address())
	g := newGate(t, line.Listen)
	b := startBox(t, "-broker", "tcp://"+g.address())
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	b.log("session with the broker")
	last := uint64(0)
	announced := func(path string) {
		copyFile(t, sample, b.recordings(path))
		events.next(func(m message) bool {
			e := m.event()
			if e.EventType != "clip_added" {
				return false
			}
			if e.Path != path && e.Seq > last { // again is allowed, early is not
				t.Errorf("%s, seq %d, came before %s", e.Path, e.Seq, path)
			}
			last = max(last, e.Seq)
			return e.Path == path
		})
	}
	announced("front/first.mp4")
	for _, stream := range []string{"upstream", "downstream"} {
		for _, x := range toxics {
			cure := poison(t, line, x.kind, x.attributes, stream)
			if x.breaks {
				copyFile(t, sample, b.recordings("front", stream, "during-"+x.kind+".mp4"))
				b.log("no session with the broker")
				cure()
				g.cut() // where a toxic was, bytes may be missing, which TCP never does
				path := filepath.Join("front", stream, "during-"+x.kind+".mp4")
				events.next(func(m message) bool { e := m.event(); last = max(last, e.Seq); return e.Path == path })
			}
			announced(filepath.Join("front", stream, x.kind+".mp4"))
			if !x.breaks {
				cure()
			}
		}
	}
	b.waitSame()
}

// clipctl builds the client people run, once, and returns a command of it.
func clipctl(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := buildClipctl()
	must(t, err)
	return exec.Command(path, args...)
}

var buildClipctl = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "clipctl")
	out, err := exec.Command("go", "build", "-o", path, "../clipctl").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build clipctl: %w\n%s", err, out)
	}
	return path, nil
})

// puller is a clipctl that follows a box into dir.
type puller struct {
	dir  string
	said *lines
}

// pull starts one as cmd, which lacks only the folder. It ends with the test.
func pull(t *testing.T, cmd *exec.Cmd) *puller {
	t.Helper()
	p := &puller{t.TempDir(), newLines()}
	cmd.Args = append(cmd.Args, p.dir)
	cmd.Stdout, cmd.Stderr = p.said, p.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return p
}

// has waits until the puller has a file with exactly these bytes.
func (p *puller) has(b *box, path string, want []byte) {
	b.t.Helper()
	b.within(path+" was pulled: "+p.said.all(), func() bool {
		got, err := os.ReadFile(filepath.Join(p.dir, path))
		return err == nil && bytes.Equal(got, want)
	})
}

// Between a puller and the box lies a bad line: in the end it has every byte.
func TestBadLineToAPuller(t *testing.T) {
	t.Parallel()
	b := startBox(t, "-broker", "none")
	line := badLine(t, strings.TrimPrefix(b.url, "http://"))
	g := newGate(t, line.Listen)
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	want := padded(t, sample, 50_000)
	p := pull(t, clipctl(t, "pull", "--follow", "--url", "http://"+g.address(), "--token", b.token(), "--layout", "{path}"))
	must(t, os.MkdirAll(b.recordings("front"), 0o755))
	put := func(name string) { must(t, os.WriteFile(b.recordings("front", name), want, 0o644)) }
	put("first.mp4")
	p.has(b, "front/first.mp4", want)
	for _, stream := range []string{"upstream", "downstream"} {
		for _, x := range toxics {
			if x.kind == "slicer" { // ten thousand slices
				x.attributes = `"average_size":3000,"size_variation":2000,"delay":100`
			}
			cure := poison(t, line, x.kind, x.attributes, stream)
			name := fmt.Sprintf("%s-%s.mp4", stream, x.kind)
			put(name)
			if x.breaks {
				b.waitListed("front/" + name)
				cure()
				g.cut() // where a toxic was, bytes may be missing, which TCP never does
			}
			p.has(b, "front/"+name, want)
			if !x.breaks {
				cure()
			}
		}
	}
	b.within("no transfer is left", func() bool { return b.transfers() == 0 })
}

// waitListed waits until there is a clip at path.
func (b *box) waitListed(path string) {
	b.t.Helper()
	b.follow(func(e event) bool { return e.EventType == "clip_added" && e.Path == path })
}

func (b *box) transfers() int {
	b.t.Helper()
	var s struct{ Transfers int }
	b.get("/api/v1/status", &s)
	return s.Transfers
}

// cable is two network namespaces, for the box and for everybody else, and the cable between them.
type cable struct {
	t         *testing.T
	box, rest string // names of namespaces
}

// The addresses at its ends (RFC 2544): nobody else is in these namespaces.
const boxAddress, restAddress = "198.18.0.1", "198.18.0.2"

func newCable(t *testing.T) *cable {
	t.Helper()
	need(t, "ip")
	c := &cable{t, fmt.Sprintf("clipd-box-%d", os.Getpid()), fmt.Sprintf("clipd-rest-%d", os.Getpid())}
	if out, err := exec.Command("ip", "netns", "add", c.box).CombinedOutput(); err != nil {
		lacking(t, "network namespaces take root: %v: %s", err, out)
	}
	t.Cleanup(func() { c.ip("netns", "del", c.box) })
	c.ip("netns", "add", c.rest)
	t.Cleanup(func() { c.ip("netns", "del", c.rest) })
	c.ip("-n", c.box, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", c.rest)
	for ns, address := range map[string]string{c.box: boxAddress, c.rest: restAddress} {
		c.ip("-n", ns, "address", "add", address+"/30", "dev", "cable")
		c.ip("-n", ns, "link", "set", "cable", "up")
		c.ip("-n", ns, "link", "set", "lo", "up")
	}
	return c
}

func (c *cable) ip(args ...string) {
	c.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// set is up or down. The end of the others goes: the box keeps its address, as with a cable that is pulled at the switch.
func (c *cable) set(state string) { c.t.Helper(); c.ip("-n", c.rest, "link", "set", "cable", state) }

// inNamespace is cmd, run in the namespace ns; "" is ours.
func inNamespace(ns string, cmd *exec.Cmd) *exec.Cmd {
	if ns == "" {
		return cmd
	}
	return exec.Command("ip", append([]string{"netns", "exec", ns}, cmd.Args...)...)
}

// The cable is pulled while a clip is announced and another one is fetched. The box notices by itself, when its broker owes
// an answer for 20 s, and reconnects when the cable is back: everything is announced and fetched, and nothing is left over.
func TestCableIsPulled(t *testing.T) {
	t.Parallel()
	c := newCable(t)
	m := &mosquitto{t: t, port: 1883, conf: write(t, "mosquitto.conf", "listener 1883 0.0.0.0\nallow_anonymous true\n"), namespace: c.rest}
	need(t, "mosquitto", "mosquitto_sub", "stdbuf")
	t.Cleanup(m.stop)
	m.start()
	events, availability := m.subscribe("clipd/+/event"), m.subscribe("clipd/+/availability")
	b := newBox(t)
	b.run(inNamespace(c.box, exec.Command(binary, "-dir", b.dir, "-listen", boxAddress+":8470", "-broker", "tcp://"+restAddress+":1883")))
	b.log("msg=ready ")
	availability.next(says("online"))
	sample := filepath.Join(t.TempDir(), "sample.mp4")
	record(t, sample)
	want := padded(t, sample, 24<<20)
	p := pull(t, inNamespace(c.rest, clipctl(t, "pull", "--follow", "--rate", "4MB", "--url", "http://"+boxAddress+":8470", "--token", b.token(), "--layout", "{path}")))
	must(t, os.Mkdir(b.recordings("front"), 0o755))
	must(t, os.WriteFile(b.recordings("front", "long.mp4"), want, 0o644))
	events.added("front/long.mp4")
	b.within("the puller has begun", func() bool { return under(t, p.dir) > 1<<20 })
	before, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
	must(t, err)
	c.set("down")
	copyFile(t, sample, b.recordings("front", "meanwhile.mp4"))
	b.log("no session with the broker")
	copyFile(t, sample, b.recordings("front", "later.mp4"))
	b.log("path=front/later.mp4")
	c.set("up")
	events.added("front/meanwhile.mp4")
	events.added("front/later.mp4")
	short, err := os.ReadFile(sample)
	must(t, err)
	for path, want := range map[string][]byte{"front/long.mp4": want, "front/meanwhile.mp4": short, "front/later.mp4": short} {
		p.has(b, path, want)
	}
	b.within("the box lets go of what was before", func() bool {
		now, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
		return err == nil && len(now) <= len(before)+moreFiles
	})
}

// under is how many bytes lie beneath dir.
func under(t *testing.T, dir string) (n int64) {
	t.Helper()
	_ = filepath.Walk(dir, func(_ string, fi os.FileInfo, err error) error {
		if err == nil && fi.Mode().IsRegular() {
			n += fi.Size()
		}
		return nil // files come and go
	})
	return n
}
