package push

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"clipd/store"

	"github.com/miekg/dns"
)

func TestAllowed(t *testing.T) {
	p := &Pusher{}
	for _, entry := range []string{"https://s3.example.org", "http://nas:9000/in", "http://127.0.0.1:9000", "http://[fe80::1]"} {
		a, err := parseAllowed(entry)
		if err != nil {
			t.Fatal(err)
		}
		p.allow = append(p.allow, a)
	}
	for _, test := range []struct {
		url   string
		want  error
		local bool
	}{
		{"https://s3.example.org/a?X-Amz-Signature=secret", nil, false},
		{"https://S3.EXAMPLE.org.:443/a?secret", nil, false},
		{"http://nas:9000/in/a?secret", nil, false},
		{"http://127.0.0.1:9000/a?secret", nil, true},
		{"http://[fe80::1]/a?secret", nil, true},
		{"http://s3.example.org/a?secret", ErrNotAllowed, false},
		{"https://s3.example.org:8443/a?secret", ErrNotAllowed, false},
		{"https://s3.example.org.evil.example/a?secret", ErrNotAllowed, false},
		{"https://evil.example/https://s3.example.org/?secret", ErrNotAllowed, false},
		{"http://nas:9000/inside?secret", ErrNotAllowed, false},
		{"http://nas:9000/in/../other?secret", ErrNotAllowed, false},
		{"http://nas:9000/in/%2e%2e/other?secret", ErrNotAllowed, false},
		{"http://nas:9000/in/..%5cother?secret", ErrNotAllowed, false},
		{"http://127.0.0.2:9000/a?secret", ErrNotAllowed, false},
		{"https://s3.example.org@evil.example/?secret", ErrBadURL, false},
		{"https://s3.example.org/a#secret", ErrBadURL, false},
		{"ftp://s3.example.org/secret", ErrBadURL, false},
		{"file:///etc/secret", ErrBadURL, false},
		{"//s3.example.org/secret", ErrBadURL, false},
		{"https:s3.example.org/secret", ErrBadURL, false},
		{"https://s3.example.org/%zz?secret", ErrBadURL, false},
		{"", ErrBadURL, false},
	} {
		_, local, err := p.allowed(test.url)
		if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) || local != test.local {
			t.Errorf("%s: local %v, %v; want %v", test.url, local, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the secret: %v", test.url, err)
		}
	}
	for _, bad := range []string{"s3.example.org", "https://", "https://u:p@h", "https://h/?q", "ftp://h"} {
		if _, err := parseAllowed(bad); err == nil {
			t.Errorf("push.allow takes %q", bad)
		}
	}
}

func TestLocalAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "0.0.0.0": true, "::": true, "169.254.169.254": true,
		"fe80::1": true, "fe80::1%eth0": true, "224.0.0.1": true, "ff02::1": true, "192.168.1.2": false, "10.0.0.1": false, "2001:db8::1": false, "8.8.8.8": false,
	} {
		if got := isLocal(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is local: %v", address, got)
		}
	}
}

// TestFreeURL pushes to a presigned URL that push.allow lists, on this machine because it is listed as such.
func TestFreeURL(t *testing.T) {
	var got []byte
	var query string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { got, query = took(r), r.URL.RawQuery })
	b := newBox(t, func(c *Config) { c.Allow = []string{server} })
	b.run(t)
	want := content(1 << 20)
	c := b.clip(t, "front/a.mp4", want)
	if err := b.p.PushURL(t.Context(), c.ID, server+"/a%2Fb?X-Sig=s%2Becret"); err != nil {
		t.Fatal(err)
	}
	b.counts(t, 0, 0)
	if !bytes.Equal(got, want) || query != "X-Sig=s%2Becret" {
		t.Fatalf("%d bytes, %q", len(got), query)
	}
	if done := b.events(t, store.PushDone); len(done) != 1 || !strings.HasPrefix(done[0].Target, server+"#") {
		t.Fatalf("%+v", done)
	}
	if strings.Contains(b.said.String(), "ecret") {
		t.Fatal("the log tells the secret")
	}
	if err := b.p.PushURL(t.Context(), c.ID, "https://elsewhere.example/?s%2Becret"); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	if err := b.p.Push(t.Context(), c.ID, "nas"); !errors.Is(err, ErrUnknownTarget) {
		t.Fatal(err)
	}
	if err := b.p.PushURL(t.Context(), store.ID{1}, server); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}

// TestRebinding: a name that is listed, but resolves to this machine, is not connected to.
func TestRebinding(t *testing.T) {
	asked := false
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { asked = true })
	resolveTo(t, "127.0.0.1")
	free := strings.Replace(server, "127.0.0.1", "store.example", 1)
	b := newBox(t, func(c *Config) { c.Allow = []string{free} })
	b.run(t)
	c := b.clip(t, "front/a.mp4", content(10))
	if err := b.p.PushURL(t.Context(), c.ID, free+"/a?secret"); err != nil {
		t.Fatal(err)
	}
	why := b.died(t)
	if asked || !strings.Contains(why, "resolves to this box or its own link (127.0.0.1)") || strings.Contains(why, "secret") {
		t.Fatalf("asked %v: %s", asked, why)
	}
}

// resolveTo makes every name resolve to address for the time of the test.
func resolveTo(t *testing.T, address string) {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(address)}}
		}
		_ = w.WriteMsg(answer) // a question that is not answered is asked again
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	usual := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", packets.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = usual
		packets.Close()
		<-ended
	})
}

// TestRedirectOffTheList: a free URL's target sends the clip on within its origin, but off push.allow's path.
func TestRedirectOffTheList(t *testing.T) {
	asked := make(chan string, 10)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		took(r)
		asked <- r.URL.Path
		http.Redirect(w, r, "/other?secret", http.StatusTemporaryRedirect)
	})
	b := newBox(t, func(c *Config) { c.Allow = []string{server + "/in"} })
	b.run(t)
	c := b.clip(t, "front/a.mp4", content(10))
	if err := b.p.PushURL(t.Context(), c.ID, server+"/in/a"); err != nil {
		t.Fatal(err)
	}
	if why := b.died(t); !strings.Contains(why, ErrNotAllowed.Error()) || strings.Contains(why, "secret") || len(asked) != 1 {
		t.Fatalf("%d requests: %s", len(asked), why)
	}
}

func TestFreeTarget(t *testing.T) {
	name := func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return freeTarget(u)
	}
	one, again, other := name("https://u/a?sig=1"), name("https://u/a?sig=2"), name("https://u/b?sig=1")
	if one != again || one == other || strings.Contains(one, "sig") {
		t.Fatal(one, again, other)
	}
}
