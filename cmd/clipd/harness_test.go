package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for something that takes milliseconds on a machine with nothing else to do.
const patience = 3 * time.Minute

// binary is the real clipd, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "clipd-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "clipd")
	build := exec.Command("go", "build", raceFlag, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build clipd: %v\n%s", err, out)
		os.Exit(1)
	}
	// Tests that run side by side wait for disks, networks and timers, hardly for the processor. -parallel overrules it.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

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

// box is one running clipd.
type box struct {
	t     *testing.T
	dir   string
	args  []string
	cmd   *exec.Cmd
	lines *lines // of its log
	url   string
	ended chan error
	first holds // when it was ready, the last time
}

// newBox prepares a box in a folder of its own; start starts it. args are added to -dir and -listen.
func newBox(t *testing.T, args ...string) *box {
	b := &box{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(func() { b.noLeak(); b.kill() })
	return b
}

// startBox is newBox, started and ready.
func startBox(t *testing.T, args ...string) *box {
	b := newBox(t, args...)
	b.start()
	return b
}

// launch starts the process and does not wait for it to be ready.
func (b *box) launch() {
	b.t.Helper()
	b.run(exec.Command(binary, append([]string{"-dir", b.dir, "-listen", "127.0.0.1:0"}, b.args...)...))
}

// launchIn starts it with nothing but a current folder, as a newcomer does.
func (b *box) launchIn(dir string) {
	b.t.Helper()
	cmd := exec.Command(binary)
	cmd.Dir, b.dir = dir, filepath.Join(dir, "var")
	b.run(cmd)
}

func (b *box) run(cmd *exec.Cmd) {
	b.t.Helper()
	b.cmd = cmd
	b.lines = newLines()
	b.cmd.Stderr = b.lines
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	said, ended := b.lines, make(chan error, 1)
	b.ended = ended
	go func() {
		err := cmd.Wait()
		said.close()
		ended <- err
	}()
}

func (b *box) start() {
	b.t.Helper()
	b.launch()
	b.ready()
}

// ready waits until the box says so and notes its address.
func (b *box) ready() {
	b.t.Helper()
	line := b.log("msg=ready ")
	_, rest, _ := strings.Cut(line, " url=")
	b.url, _, _ = strings.Cut(rest, " ")
	b.first, _ = b.holding() // of a box that is told to end at once nobody asks
}

// log waits for a log line that holds text and returns it.
func (b *box) log(text string) string {
	b.t.Helper()
	line, err := b.lines.wait(text)
	if err != nil {
		b.t.Fatalf("clipd's log never said %q (%v; %v):\n%s", text, err, b.cmd.ProcessState, b.lines.all())
	}
	return line
}

// kill is SIGKILL, as the kernel or a power switch would.
func (b *box) kill() {
	if b.cmd == nil {
		return
	}
	b.cmd.Process.Kill()
	<-b.ended
	b.cmd = nil
}

// stop is SIGTERM; it returns how the process ended.
func (b *box) stop() error {
	b.t.Helper()
	b.cmd.Process.Signal(syscall.SIGTERM)
	return b.exit()
}

// exit waits for the process to end by itself.
func (b *box) exit() error {
	b.t.Helper()
	select {
	case err := <-b.ended:
		b.cmd = nil
		return err
	case <-time.After(patience):
		b.cmd.Process.Signal(syscall.SIGQUIT)
		b.t.Fatalf("clipd did not end:\n%s", b.lines.all())
		return nil
	}
}

func (b *box) recordings(elem ...string) string {
	return filepath.Join(append([]string{b.dir, "recordings"}, elem...)...)
}

func (b *box) token() string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "state", "admin-token"))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// do sends one request with the admin's token; the caller closes the body.
func (b *box) do(ctx context.Context, method, path string, header ...string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v\n%s", method, path, err, b.lines.all())
	}
	return res
}

// get decodes the JSON at path into v.
func (b *box) get(path string, v any) {
	b.t.Helper()
	res := b.do(b.t.Context(), http.MethodGet, path)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		b.t.Fatalf("GET %s: %s: %s", path, res.Status, text)
	}
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		b.t.Fatalf("GET %s: %v", path, err)
	}
}

// post sends JSON and decodes the answer into v.
func (b *box) post(path, body string, v any) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token())
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil || res.StatusCode >= 300 {
		b.t.Fatalf("POST %s: %s, %v", path, res.Status, err)
	}
}

// as returns the status of a request with token.
func (b *box) as(token, method, path string) int {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// land follows url as a browser with its own cookies and returns the path it ends at, "/login" where it is refused.
func land(t *testing.T, url string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "/login"
	}
	return res.Request.URL.Path
}

// asNobody runs cmd as another user and returns what it printed.
func asNobody(t *testing.T, cmd *exec.Cmd) (string, error) {
	t.Helper()
	const nobody = 65534
	program := filepath.Join("/tmp", fmt.Sprintf("clipd-%d", os.Getpid())) // where nobody may execute it
	data, err := os.ReadFile(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(program)
	cmd.Path = program
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// fetch is a plain GET without a token, as from a link in a message.
func fetch(t *testing.T, url string) (int, []byte) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// lines collects what a process prints, line by line, and lets a test wait for one.
type lines struct {
	mu      sync.Mutex
	partial []byte
	said    []string
	used    []bool // lines that were waited for already
	more    chan struct{}
	closed  bool
}

func newLines() *lines { return &lines{more: make(chan struct{})} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, ok := bytes.Cut(l.partial, []byte("\n"))
		if !ok {
			break
		}
		l.said, l.used = append(l.said, string(line)), append(l.used, false)
		l.partial = rest
	}
	l.wake()
	return len(p), nil
}

func (l *lines) wake() {
	close(l.more)
	l.more = make(chan struct{})
}

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
}

// wait returns the first line that holds text and was not waited for before.
func (l *lines) wait(text string) (string, error) {
	deadline := time.After(patience)
	for {
		line, ok, closed, more := l.find(text)
		switch {
		case ok:
			return line, nil
		case closed:
			return "", io.ErrUnexpectedEOF
		}
		select {
		case <-more:
		case <-deadline:
			return "", errors.New("timed out")
		}
	}
}

// skip lets nobody wait any more for what was said until now.
func (l *lines) skip() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.used {
		l.used[i] = true
	}
}

func (l *lines) find(text string) (line string, ok, closed bool, more chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.said {
		if !l.used[i] && strings.Contains(l.said[i], text) {
			l.used[i] = true
			return l.said[i], true, false, nil
		}
	}
	return "", false, l.closed, l.more
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.said, "\n")
}

// mosquitto is a real broker on a port of its own.
type mosquitto struct {
	t    *testing.T
	port int
	conf string
	cmd  *exec.Cmd
	said *lines // what it logs, each packet among it

	namespace string // of the network it is in, "" for ours
}

func newMosquitto(t *testing.T) *mosquitto {
	need(t, "mosquitto", "mosquitto_sub", "stdbuf")
	m := &mosquitto{t: t, port: freePort(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", m.port)
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	m.start()
	return m
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func (m *mosquitto) address() string { return fmt.Sprintf("127.0.0.1:%d", m.port) }

func (m *mosquitto) url() string { return "tcp://" + m.address() }

func (m *mosquitto) start() {
	m.t.Helper()
	m.said = newLines()
	m.cmd = inNamespace(m.namespace, exec.Command("mosquitto", "-v", "-c", m.conf))
	m.cmd.Stderr = m.said
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.said.wait("running"); err != nil {
		m.t.Fatalf("mosquitto did not start: %v\n%s", err, m.said.all())
	}
}

func (m *mosquitto) stop() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill()
	m.cmd.Wait()
	m.cmd = nil
}

// message is one MQTT message as a subscriber got it.
type message struct {
	topic    string
	retained bool
	payload  []byte
}

func (m message) event() (e event) {
	_ = json.Unmarshal(m.payload, &e) // what is no event has no event_type
	return e
}

// event is what the tests read of an event, on MQTT and on HTTP.
type event struct {
	EventType string    `json:"event_type"`
	Seq       uint64    `json:"seq"`
	Origin    string    `json:"origin"`
	ID        string    `json:"id"`
	Path      string    `json:"path"`
	Camera    string    `json:"camera"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	Complete  bool      `json:"complete"`
	URL       string    `json:"url"`
	Reason    string    `json:"reason"`
	Count     int       `json:"count"`
	Time      time.Time `json:"time"`
}

// subscriber is a real mosquitto_sub with a session that survives its broker's absence.
type subscriber struct {
	t        *testing.T
	messages chan message
}

// subscribe listens to everything below clipd/ until the test ends; it returns when the subscription stands.
func (m *mosquitto) subscribe(topic string) *subscriber {
	m.t.Helper()
	s := &subscriber{m.t, make(chan message, 100_000)}
	cmd := inNamespace(m.namespace, exec.Command("stdbuf", "-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-p", fmt.Sprint(m.port), "-q", "1", "-c", "-i", "test-"+fmt.Sprint(time.Now().UnixNano()),
		"-t", topic, "-F", "%r %t %p"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	subscribed := make(chan struct{})
	go s.read(out, subscribed)
	select {
	case <-subscribed:
	case <-time.After(patience):
		m.t.Fatal("mosquitto_sub did not subscribe")
	}
	return s
}

func (s *subscriber) read(out io.Reader, subscribed chan struct{}) {
	r := bufio.NewScanner(out)
	r.Buffer(nil, 1<<20)
	for r.Scan() {
		line := r.Text()
		if strings.HasPrefix(line, "Subscribed (mid") {
			select {
			case <-subscribed:
			default:
				close(subscribed)
			}
		}
		retained, rest, _ := strings.Cut(line, " ")
		topic, payload, _ := strings.Cut(rest, " ")
		if retained == "0" || retained == "1" {
			s.messages <- message{topic, retained == "1", []byte(payload)}
		}
	}
}

// next returns the next message for which want is true.
func (s *subscriber) next(want func(message) bool) message {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case m := <-s.messages:
			if want(m) {
				return m
			}
		case <-deadline:
			s.t.Fatal("the message never came")
		}
	}
}

// added waits for the clip_added of path.
func (s *subscriber) added(path string) event {
	s.t.Helper()
	return s.next(func(m message) bool {
		e := m.event()
		return strings.HasSuffix(m.topic, "/event") && e.EventType == "clip_added" && e.Path == path
	}).event()
}

// record makes a real recording at path: one second of moving picture and sound, as ffmpeg writes it.
func record(t *testing.T, path string, flags ...string) {
	t.Helper()
	need(t, "ffmpeg")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1", "-f", "lavfi", "-i", "sine=duration=1",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"}
	out, err := exec.Command("ffmpeg", append(append(args, flags...), path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}

// copyFile writes the bytes of from to a new file, as a recorder would: open, write, close.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
