package ktls

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what takes milliseconds.
const patience = 2 * time.Minute

// kernel is what Probe finds; without anything the test is skipped. Package build/vm runs these tests where it finds all.
func kernel(t *testing.T) Kernel {
	t.Helper()
	k, err := Probe()
	switch {
	case err == nil:
		return k
	case os.Getenv("KERNEL_TLS") != "":
		t.Fatal(err)
	}
	t.Skipf("this kernel has no module tls (%v); the tests of build/vm run this one under a kernel that has", err)
	return k
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed; build/deps.sh test installs it", program)
	}
	t.Skipf("%s is not installed", program)
}

func serverConfig(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"http/1.1"}}
}

// web is an HTTPS server with one file, of which /whole answers without saying how long it is.
type web struct {
	url  string
	file []byte
}

func startWeb(t *testing.T, cfg Config) web {
	t.Helper()
	w := web{file: make([]byte, 1<<20+12345)}
	rand.Read(w.file)
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, w.file, 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/clip", func(out http.ResponseWriter, r *http.Request) { http.ServeFile(out, r, path) })
	mux.HandleFunc("/whole", func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Transfer-Encoding", "identity") // the end of the body is the end of the connection
		p := w.file
		if n, err := strconv.Atoi(r.FormValue("bytes")); err == nil {
			p = p[:n]
		}
		for ; len(p) > 0; p = p[min(len(p), 7777):] {
			if _, err := out.Write(p[:min(len(p), 7777)]); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/body", func(out http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			out.WriteHeader(http.StatusBadRequest)
		}
		io.WriteString(out, strconv.FormatInt(n, 10))
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = serverConfig(t)
	srv := &http.Server{Handler: mux}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(NewListener(ln, cfg)) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	w.url = "https://" + ln.Addr().String()
	return w
}

// switched is how many connections the kernel has switched since it started, /proc/net/tls_stat.
func switched(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tls_stat")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "TlsTxSw" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no TlsTxSw in %s", text)
	return 0
}

// run runs a client until it ends. Its input is in, and does not end: at that a client says goodbye, and a server that has
// not read it when it closes resets the connection, with what was on its way.
func run(t *testing.T, in string, name string, args ...string) ([]byte, string, error) {
	t.Helper()
	need(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(input, in)
	err = cmd.Wait()
	return out.Bytes(), errs.String(), err
}

// curls are curl's arguments for each way to shake hands, and whether the kernel can take over then.
var curls = []struct {
	name   string
	args   []string
	kernel bool
}{
	{"AES-128", []string{"--tls13-ciphers", "TLS_AES_128_GCM_SHA256"}, true},
	{"AES-256", []string{"--tls13-ciphers", "TLS_AES_256_GCM_SHA384"}, true},
	{"ChaCha20", []string{"--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"}, true},
	{"TLS 1.2", []string{"--tls-max", "1.2"}, false},
}

func TestCurlGetsEveryByteInEverySuite(t *testing.T) {
	ways := []string{"kernel", "process"}
	if os.Getenv("KERNEL_TLS") != "" {
		ways = ways[:1]
	}
	for _, by := range ways {
		for _, c := range curls {
			t.Run(by+", "+c.name, func(t *testing.T) {
				var cfg Config
				before := 0
				if by == "kernel" {
					cfg.Kernel = kernel(t)
					before = switched(t)
				}
				w := startWeb(t, cfg)
				// Two files on one connection, then a body that only close_notify ends: curl fails without it.
				args := append([]string{"-sSk", w.url + "/clip", w.url + "/clip", w.url + "/whole"}, c.args...)
				got, errs, err := run(t, "", "curl", args...)
				if err != nil || !bytes.Equal(got, bytes.Repeat(w.file, 3)) {
					t.Errorf("curl: %v, %d bytes, %s", err, len(got), errs)
				}
				if by == "kernel" && (switched(t) == before+1) != c.kernel {
					t.Errorf("%d connections were switched", switched(t)-before)
				}
			})
		}
	}
}

func TestGnuTLSGetsEveryByte(t *testing.T) {
	k := kernel(t)
	w := startWeb(t, Config{Kernel: k})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.url, "https://"))
	before := switched(t)
	const size = 100_000 // it prints one byte at a time
	got, errs, err := run(t, fmt.Sprintf("GET /whole?bytes=%d HTTP/1.0\r\n\r\n", size), "gnutls-cli", "--insecure", "--logfile=/dev/null", "--port", port, "127.0.0.1")
	if err != nil || !bytes.HasSuffix(got, w.file[:size]) || strings.Contains(errs, "non-properly terminated") {
		t.Errorf("gnutls-cli: %v, %d bytes, %s", err, len(got), errs)
	}
	if n := switched(t) - before; n != 1 {
		t.Errorf("%d connections were switched", n)
	}
}

func TestGoGetsAndSendsEveryByte(t *testing.T) {
	w := startWeb(t, Config{Kernel: kernel(t)})
	before := switched(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for range 3 {
		res, err := client.Get(w.url + "/clip")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, w.file) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		res, err = client.Post(w.url+"/body", "", bytes.NewReader(w.file))
		if err != nil {
			t.Fatal(err)
		}
		got, err = io.ReadAll(res.Body)
		res.Body.Close()
		if string(got) != strconv.Itoa(len(w.file)) || err != nil {
			t.Errorf("the server read %s bytes of %d, %v", got, len(w.file), err)
		}
	}
	if n := switched(t) - before; n != 1 {
		t.Errorf("%d connections were switched", n)
	}
}

// Keys cannot be changed: the connection of a client that does, or asks for it, ends as it should.
func TestKeyUpdate(t *testing.T) {
	for _, command := range []string{"k", "K"} { // s_client's
		t.Run(command, func(t *testing.T) {
			need(t, "openssl")
			w := startWeb(t, Config{Kernel: kernel(t)})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", strings.TrimPrefix(w.url, "https://"), "-tls1_3", "-crlf", "-msg")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() {
				// s_client takes what is one letter for a command only if it arrives alone.
				io.WriteString(in, command+"\n")
			}()
			said := &strings.Builder{}
			wait(t, out, said, "KeyUpdate")
			rest, err := io.ReadAll(out)
			if err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			said.Write(rest)
			if !strings.Contains(said.String(), "close_notify") {
				t.Errorf("the connection ended without close_notify:\n%s", said)
			}
		})
	}
}

// wait reads until text has been said.
func wait(t *testing.T, from io.Reader, said *strings.Builder, text string) {
	t.Helper()
	p := make([]byte, 4096)
	for !strings.Contains(said.String(), text) {
		n, err := from.Read(p)
		said.Write(p[:n])
		if err != nil {
			t.Fatalf("%s never came (%v):\n%s", text, err, said)
		}
	}
}

func TestProbeSaysWhatTheKernelCan(t *testing.T) {
	k, err := Probe()
	if (err == nil) != k.Any() {
		t.Errorf("Probe: %q, %v", k, err)
	}
	if os.Getenv("KERNEL_TLS") == "" {
		return
	}
	if want := "AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305"; k.String() != want {
		t.Errorf("the kernel knows %s, not %s: %v", k, want, err)
	}
}

// RFC 8448 §3, "{server} derive write traffic keys for application data".
func TestKeyAndIVAreThoseOfTheRFC(t *testing.T) {
	bytesOf := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	secret := bytesOf("a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 16 43")
	key, iv := bytesOf("9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56"), bytesOf("cf 78 2b 88 dd 83 54 9a ad f1 e9 84")
	info, err := suites[0].cryptoInfo(secret)
	if err != nil {
		t.Fatal(err)
	}
	// struct tls12_crypto_info_aes_gcm_128: version, cipher, IV of 8 bytes, key, salt of 4, record number.
	if want := bytes.Join([][]byte{iv[4:], key, iv[:4], make([]byte, 8)}, nil); !bytes.Equal(info[4:], want) {
		t.Errorf("the kernel is given\n%x, not\n%x", info[4:], want)
	}
	for i, size := range []int{40, 56, 56} { // of those structs, linux/tls.h
		info, err := suites[i].cryptoInfo(make([]byte, suites[i].hash().Size()))
		if err != nil || len(info) != size {
			t.Errorf("%s: %d bytes, %v", suites[i].name, len(info), err)
		}
	}
	if _, err := suites[1].cryptoInfo(secret); err == nil || strings.Contains(err.Error(), hex.EncodeToString(secret[:4])) {
		t.Errorf("a secret of the wrong length: %v", err)
	}
}
