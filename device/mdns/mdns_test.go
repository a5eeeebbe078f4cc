package mdns

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/hashicorp/mdns"
	"golang.org/x/net/dns/dnsmessage"
)

const patience = 60 * time.Second

// own runs the calling test again inside a network of its own, where no other responder is, and reports whether this is
// that inner run: only then does the test go on.
func own(t *testing.T) bool {
	t.Helper()
	const inside = "CLIPD_TEST_NETWORK"
	if os.Getenv(inside) != "" {
		return true
	}
	const network = `ip link add box0 type veth peer name box1 && ip addr add 192.0.2.1/24 dev box0 && ip addr add 192.0.2.2/24 dev box1 &&
		ip link set lo up && ip link set box0 up && ip link set box1 up && ip route add 224.0.0.0/4 dev box0`
	try := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c", network)
	if out, err := try.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a network namespace cannot be made: %v: %s", err, out)
		}
		t.Skipf("a network namespace cannot be made: %v: %s", err, out)
	}
	run := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c", network+` && exec "$0" "$@"`, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	run.Env = append(os.Environ(), inside+"=1")
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
	return false
}

// start runs a responder until stop is called, which waits for its goodbye.
func start(t *testing.T, name, host string, port uint16) (stop func()) {
	t.Helper()
	r := New(Config{Name: name, Host: host, Port: port, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Services: []Service{{"_clipd._tcp", []string{"id=" + host, "name=" + name}}, {"_http._tcp", []string{"path=/"}}}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// browse asks for instances of a service until good accepts what was found.
func browse(t *testing.T, service string, good func([]*client.ServiceEntry) bool) (found []*client.ServiceEntry) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		entries := make(chan *client.ServiceEntry, 64)
		if err := client.Query(&client.QueryParam{Service: service, Timeout: time.Second, Entries: entries,
			Logger: log.New(io.Discard, "", 0), DisableIPv6: true}); err != nil {
			t.Fatal(err)
		}
		close(entries)
		found = nil
		for e := range entries {
			if strings.Contains(e.Name, service) { // it also brings what others were asked
				found = append(found, e)
			}
		}
		if good(found) {
			return found
		}
	}
	t.Fatalf("within %v only %v was found", patience, found)
	return nil
}

// A box is found by another program's browser with port, text and address; the name of a second box with the same name
// gets a suffix.
func TestFoundOnTheNetwork(t *testing.T) {
	if !own(t) {
		return
	}
	start(t, "The porch", "clipd-aaaa", 8470)
	one := browse(t, "_clipd._tcp", func(f []*client.ServiceEntry) bool { return len(f) == 1 })[0]
	if one.Port != 8470 || one.Host != "clipd-aaaa.local." || !slices.Contains(one.InfoFields, "id=clipd-aaaa") || one.AddrV4.String() != "192.0.2.1" {
		t.Errorf("found %+v", one)
	}
	start(t, "The porch", "clipd-bbbb", 8471)
	two := browse(t, "_http._tcp", func(f []*client.ServiceEntry) bool { return len(f) == 2 })
	var names []string
	for _, e := range two {
		names = append(names, strings.ReplaceAll(e.Name, `\`, ""))
	}
	slices.Sort(names)
	if want := []string{"The porch (bbbb)._http._tcp.local.", "The porch._http._tcp.local."}; !slices.Equal(names, want) {
		t.Errorf("two boxes of one name are told as %q, not %q", names, want)
	}
}

// What everybody hears when a box stops ends each of its records.
func TestGoodbye(t *testing.T) {
	if !own(t) {
		return
	}
	ear, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer ear.close()
	ear.join()
	packets := make(chan packet)
	go ear.read(t.Context(), packets)
	stop := start(t, "porch", "clipd-aaaa", 8470)
	told := func(goodbye bool) bool {
		m := dnsmessage.Message{}
		p := <-packets
		if err := m.Unpack(p.data); err != nil || !m.Response || len(m.Answers) == 0 {
			return false
		}
		return !slices.ContainsFunc(m.Answers, func(r dnsmessage.Resource) bool { return (r.Header.TTL == 0) != goodbye })
	}
	for !told(false) {
	}
	go stop()
	for !told(true) {
	}
}

func ask(name string, kind dnsmessage.Type, known ...string) message {
	return message{questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind}}, known: known}
}

func TestWhatAnswers(t *testing.T) {
	r := New(Config{Name: "a.b", Host: "clipd-aaaa", Port: 1, Services: []Service{{"_clipd._tcp", nil}}})
	all := r.records(link{addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}})
	for _, tt := range []struct {
		name string
		kind dnsmessage.Type
		want int
	}{
		{"_clipd._tcp.local.", dnsmessage.TypePTR, 1},
		{"_CLIPD._tcp.local.", dnsmessage.TypeALL, 1},
		{"_services._dns-sd._udp.local.", dnsmessage.TypePTR, 1},
		{"a-b._clipd._tcp.local.", dnsmessage.TypeSRV, 1},
		{"a-b._clipd._tcp.local.", dnsmessage.TypeALL, 2},
		{"clipd-aaaa.local.", dnsmessage.TypeA, 1},
		{"clipd-aaaa.local.", dnsmessage.TypeAAAA, 1},
		{"clipd-aaab.local.", dnsmessage.TypeA, 0},
		{"_ipp._tcp.local.", dnsmessage.TypePTR, 0},
	} {
		if got := asked(all, ask(tt.name, tt.kind).questions[0]); len(got) != tt.want {
			t.Errorf("%s %v is answered by %d records, not %d", tt.name, tt.kind, len(got), tt.want)
		}
	}
	m := ask("_clipd._tcp.local.", dnsmessage.TypePTR, "_clipd._tcp.local. a-b._clipd._tcp.local.")
	if rec := asked(all, m.questions[0])[0]; !m.knows(rec) {
		t.Error("what the asker knows already is sent again")
	}
}

func TestNamesFitALabel(t *testing.T) {
	if got := label(strings.Repeat("ä", 40)); len(got) > maxInstance || !strings.HasPrefix(strings.Repeat("ä", 40), got) {
		t.Errorf("a long name became %q", got)
	}
}

func FuzzParse(f *testing.F) {
	r := New(Config{Name: "a", Host: "h", Port: 1, Services: []Service{{"_clipd._tcp", []string{"id=1"}}}})
	for _, b := range []builder{{}, {goodbye: true}} {
		data, err := b.response(r.records(link{}))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	probe, err := r.probeMessage()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(probe)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data)
		if err == nil && len(m.known)+len(m.claims) > 2*maxRecords {
			t.Errorf("one packet makes %d records", len(m.known)+len(m.claims))
		}
	})
}

// Two responders that claim the same name for ever must not fill the network: RFC 6762 §8.1.
func TestManyConflictsAreNotAnsweredAtOnce(t *testing.T) {
	services := []Service{{"_clipd._tcp", nil}}
	log := slog.New(slog.DiscardHandler)
	r := New(Config{Name: "porch", Host: "clipd-aaaa", Port: 1, Services: services, Log: log})
	r.links = []link{{name: "eth0", index: 7}}
	other := New(Config{Name: "porch", Host: "clipd-bbbb", Port: 2, Services: services, Log: log})
	atOnce := 0
	for range 100 {
		other.instance = r.instance // whatever name this one takes
		data, err := builder{}.response(other.records(link{}))
		if err != nil {
			t.Fatal(err)
		}
		after, changed := r.hear(packet{data: data, index: 7, toGroup: true})
		switch {
		case !changed:
			t.Fatal("that was no conflict")
		case after == 0:
			atOnce++
		case after > manyRest:
			t.Fatalf("the next probe comes after %v", after)
		}
	}
	if atOnce != manyConflicts-1 {
		t.Errorf("%d of 100 conflicts were answered at once, not %d", atOnce, manyConflicts-1)
	}
}
