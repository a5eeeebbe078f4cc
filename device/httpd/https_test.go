package httpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"clipd/device/ktls"
	"clipd/store"
)

// secureBox serves HTTPS beside HTTP: by the kernel where it can, and where the test asks for it by crypto/tls.
func secureBox(t testing.TB, kernel bool, change ...func(*Config)) *box {
	t.Helper()
	k, err := ktls.Probe()
	switch {
	case !kernel:
		k = ktls.Kernel{}
	case err != nil && os.Getenv("KERNEL_TLS") != "":
		t.Fatal(err)
	case err != nil:
		t.Skipf("this kernel has no module tls (%v); the tests of build/vm run this one under a kernel that has", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return newBox(t, append(change, func(c *Config) {
		c.Kernel, c.TLS = k, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	})...)
}

// byBoth runs a test with records made by the kernel and by crypto/tls; in a machine of build/vm only the former, since the
// latter was run before.
func byBoth(t *testing.T, test func(*testing.T, *box)) {
	t.Run("kernel", func(t *testing.T) { test(t, secureBox(t, true)) })
	if os.Getenv("KERNEL_TLS") == "" {
		t.Run("process", func(t *testing.T) { test(t, secureBox(t, false)) })
	}
}

// secureClient shakes hands with the box; bytes counts what arrived on the wire.
func (b *box) secureClient() *tls.Conn {
	b.t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(b.secureURL, "https://"), &tls.Config{InsecureSkipVerify: true})
	b.must(err)
	b.t.Cleanup(func() { c.Close() })
	b.must(c.SetDeadline(time.Now().Add(5 * time.Minute)))
	return c
}

func (b *box) said(method, path string, header ...string) string {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n", method, path, b.secret[store.Viewer])
	for _, h := range header {
		text += h + "\r\n"
	}
	return text + "\r\n"
}

// answers reads one response and its body.
func answers(t testing.TB, r *bufio.Reader, method string) (*http.Response, []byte) {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

// Long and short bodies, by range and whole, follow each other on one connection as they do without TLS.
func TestHTTPSSaysWhatHTTPSays(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		data := content(2<<20 + 77)
		path := "/clips/" + b.clip("front/long.mp4", data).ID.String() + "/x.mp4"
		small := "/clips/" + b.clip("front/short.mp4", data[:3000]).ID.String() + "/x.mp4"
		plain, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		b.must(err)
		defer plain.Close()
		secure := b.secureClient()
		fromPlain, fromSecure := bufio.NewReader(plain), bufio.NewReader(secure)
		for range 2 {
			for _, ask := range [][]string{
				{"GET", path}, {"GET", small}, {"HEAD", path}, {"GET", path, "Range: bytes=5-"}, {"GET", path, "Range: bytes=700000-1999999"},
				{"GET", path, "Range: bytes=0-0,9-10"}, {"GET", path, "Range: bytes=99999999-"}, {"GET", "/healthz"}, {"GET", "/nowhere"},
			} {
				text := b.said(ask[0], ask[1], ask[2:]...)
				io.WriteString(plain, text)
				io.WriteString(secure, text)
				res, body := answers(t, fromPlain, ask[0])
				resTLS, bodyTLS := answers(t, fromSecure, ask[0])
				multipart := strings.HasPrefix(res.Header.Get("Content-Type"), "multipart/")
				if res.StatusCode != resTLS.StatusCode || len(body) != len(bodyTLS) || !multipart && !bytes.Equal(body, bodyTLS) {
					t.Fatalf("%q: HTTP says %s and %d bytes, HTTPS %s and %d", ask, res.Status, len(body), resTLS.Status, len(bodyTLS))
				}
			}
		}
	})
}

// With the kernel's help no byte of a long body passes through the process.
func TestHTTPSBytesGoBySendfile(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		data := content(3 << 20)
		path := "/clips/" + b.clip("front/long.mp4", data).ID.String() + "/x.mp4"
		c := b.secureClient()
		io.WriteString(c, b.said("GET", path))
		if _, body := answers(t, bufio.NewReader(c), "GET"); !bytes.Equal(body, data) {
			t.Fatalf("%d bytes", len(body))
		}
		b.eventually("the transfer has ended", func() bool { return b.server.Transfers() == 0 })
		s := b.server.engine.Stats()
		if b.cfg.Kernel.Any() != (s.Bytes == uint64(len(data))) || b.cfg.Kernel.Any() != (s.Copied == 0) {
			t.Errorf("%d bytes by the kernel, %d through the process", s.Bytes, s.Copied)
		}
	})
}

// Requests that come before they are due, in one record or in many, are answered in turn.
func TestHTTPSPipelining(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		data := content(1<<20 + 1)
		long := "/clips/" + b.clip("front/long.mp4", data).ID.String() + "/x.mp4"
		asks := []string{b.said("GET", long), b.said("GET", "/nowhere"), b.said("GET", long, "Range: bytes=7-"), b.said("GET", long)}
		for _, records := range []int{1, len(asks), 40} {
			c := b.secureClient()
			all := strings.Join(asks, "")
			go func() {
				for piece := (len(all) + records - 1) / records; len(all) > 0; all = all[min(len(all), piece):] {
					io.WriteString(c, all[:min(len(all), piece)])
				}
			}()
			r := bufio.NewReader(c)
			for i, want := range []int{len(data), -1, len(data) - 7, len(data)} {
				if _, body := answers(t, r, "GET"); want >= 0 && !bytes.Equal(body, data[len(data)-want:]) {
					t.Fatalf("in %d records, answer %d has %d bytes", records, i, len(body))
				}
			}
		}
	})
}

// The end of a connection is said, so that nobody takes it for an attack; a body that was cut off is not ended so.
func TestHTTPSSaysGoodbye(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		data := content(2 << 20)
		path := "/clips/" + b.clip("front/long.mp4", data).ID.String() + "/x.mp4"
		for _, ask := range []string{b.said("GET", path, "Connection: close"), b.said("GET", "/nowhere", "Connection: close")} {
			raw := &lastRecord{Conn: b.dialSecure()}
			c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
			io.WriteString(c, ask)
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Error(err)
			}
			// Every record of TLS 1.3 looks alike: the alert of two bytes, its type and the tag of 16 are 19 bytes.
			if raw.length != 19 {
				t.Errorf("the last record has %d bytes", raw.length)
			}
			c.Close()
		}
	})
}

func (b *box) dialSecure() net.Conn {
	b.t.Helper()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(b.secureURL, "https://"))
	b.must(err)
	b.t.Cleanup(func() { c.Close() })
	return c
}

// lastRecord notes how long the last record was that was read.
type lastRecord struct {
	net.Conn
	length, left int
	header       []byte
}

func (l *lastRecord) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	for _, c := range p[:n] {
		if l.left > 0 {
			l.left--
			continue
		}
		if l.header = append(l.header, c); len(l.header) == 5 {
			l.length = int(l.header[3])<<8 | int(l.header[4])
			l.left, l.header = l.length, nil
		}
	}
	return n, err
}

// The cookie of a browser that signs in over HTTPS never travels without it.
func TestHTTPSCookieIsSecure(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		c := b.secureClient()
		body := "token=" + b.secret[store.Viewer]
		fmt.Fprintf(c, "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		res, _ := answers(t, bufio.NewReader(c), "POST")
		if cookies := res.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
			t.Errorf("%s sets %v", res.Status, cookies)
		}
	})
}

// Idle connections are parked, not kept in a handler, and answer when they are asked again.
func TestHTTPSIdleConnectionsAreParked(t *testing.T) {
	b := secureBox(t, true)
	path := "/clips/" + b.clip("front/short.mp4", content(3000)).ID.String() + "/x.mp4"
	var conns []*tls.Conn
	for range slots + 10 { // more than could stay in handlers
		c := b.secureClient()
		io.WriteString(c, b.said("GET", path))
		if _, body := answers(t, bufio.NewReader(c), "GET"); len(body) != 3000 {
			t.Fatalf("%d bytes", len(body))
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		io.WriteString(c, b.said("GET", path))
		if _, body := answers(t, bufio.NewReader(c), "GET"); len(body) != 3000 {
			t.Fatalf("asked again: %d bytes", len(body))
		}
	}
}

// A client that changes its key is told goodbye: the kernel cannot change it. One whose records crypto/tls makes goes on.
func TestHTTPSKeyUpdate(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		if _, err := exec.LookPath("openssl"); err != nil {
			missing(t, "openssl is not installed")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", strings.TrimPrefix(b.secureURL, "https://"), "-tls1_3", "-msg")
		in, err := cmd.StdinPipe()
		b.must(err)
		out, err := cmd.StdoutPipe()
		b.must(err)
		b.must(cmd.Start())
		io.WriteString(in, "k\n") // a command, as it arrives alone
		said := &strings.Builder{}
		more := func(text string) {
			for p := make([]byte, 4096); !strings.Contains(said.String(), text); {
				n, err := out.Read(p)
				if said.Write(p[:n]); err != nil {
					t.Fatalf("%s never came (%v):\n%s", text, err, said)
				}
			}
		}
		more("KeyUpdate")
		if !b.cfg.Kernel.Any() {
			io.WriteString(in, strings.ReplaceAll(b.said("GET", "/healthz", "Connection: close"), "\r", ""))
			more("HTTP/1.1 ")
		}
		more("close_notify")
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // whatever it thinks of that
	})
}

// What a connection is encrypted with stands nowhere in the log, whatever becomes of the connection.
func TestHTTPSSecretsAreNotLogged(t *testing.T) {
	byBoth(t, func(t *testing.T, b *box) {
		path := "/clips/" + b.clip("front/long.mp4", content(2<<20)).ID.String() + "/x.mp4"
		var keys bytes.Buffer
		cfg := &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &keys}
		c := tls.Client(b.dialSecure(), cfg)
		for range 2 {
			io.WriteString(c, b.said("GET", path))
			answers(t, bufio.NewReader(c), "GET")
		}
		c.NetConn().Write([]byte("\x17\x03\x03\x00\x05wrong")) // no record of anybody's
		io.Copy(io.Discard, c)
		failing := tls.Client(b.dialSecure(), &tls.Config{KeyLogWriter: &keys, ServerName: "box"}) // which believes no such certificate
		if err := failing.Handshake(); err == nil {
			t.Fatal("a certificate of nobody's is believed")
		}
		failing.Close()
		await(t, "the log line", b.log.line("TLS handshake failed"))
		b.stop()
		var log strings.Builder
		_, err := b.log.WriteTo(&log)
		b.must(err)
		n := 0
		for line := range strings.Lines(keys.String()) {
			f := strings.Fields(line)
			secret, err := hex.DecodeString(f[2])
			b.must(err)
			n++
			for _, form := range []string{f[2], string(secret), base64.StdEncoding.EncodeToString(secret), fmt.Sprint(secret), fmt.Sprintf("%q", secret)} {
				if strings.Contains(strings.ToLower(log.String()), strings.ToLower(form)) {
					t.Errorf("the log has the secret %s", f[0])
				}
			}
		}
		if n < 6 {
			t.Errorf("the clients noted %d secrets", n)
		}
	})
}
