package httpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/device/ktls"
	"clipd/store"
)

// processBox speaks HTTPS by crypto/tls alone. A machine of build/vm has better to do.
func processBox(t *testing.T, change ...func(*Config)) *box {
	t.Helper()
	if os.Getenv("KERNEL_TLS") != "" {
		t.Skip("nothing in it is about the kernel")
	}
	return secureBox(t, false, change...)
}

// sparse is a clip of n zeros that takes no room on the disk, and no time to write.
func (b *box) sparse(path string, n int64) store.Clip {
	b.t.Helper()
	b.file(path, nil)
	b.must(os.Truncate(filepath.Join(b.dir, path), n))
	c := b.row(path, nil)
	b.must(b.store.Apply(b.t.Context(), store.Add(c, store.Live)))
	return c
}

// asked sends a request for a clip over HTTPS and reads the header of the answer, and nothing more.
func (b *box) asked(c store.Clip, header ...string) (*tls.Conn, *bufio.Reader, *http.Response) {
	b.t.Helper()
	conn := b.secureClient()
	_, err := io.WriteString(conn, b.said("GET", api.ClipPath(c), header...))
	b.must(err)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	b.must(err)
	return conn, r, res
}

// A stop gives everybody the same 10 seconds, whoever moves their bytes: net/http, where crypto/tls makes the records, and
// the engine. What the engine has is not given another 10 after those of net/http.
func TestStopGivesAllTheSameTime(t *testing.T) {
	grace := stopGrace
	stopGrace = 3 * time.Second
	t.Cleanup(func() { stopGrace = grace })
	b := processBox(t)
	c := b.sparse("front/a.mp4", 256<<20)
	plain := b.slow(c)
	b.asked(c)
	stopped := make(chan struct{})
	go func() { b.stop(); close(stopped) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); b.server.Transfers() > 1; <-tick.C { // until the one over HTTPS is cut off
		if time.Now().After(end) {
			t.Fatal("nothing is cut off")
		}
	}
	if n, err := io.Copy(io.Discard, plain.Body); err == nil {
		t.Errorf("the transfer over HTTP had time to bring %d bytes more", n)
	}
	await(t, "the stop", stopped)
	if !b.log.has("requests cut off by the stop") || !b.log.has("transfers cut off by the stop") {
		t.Error("the log does not say so")
	}
}

// A transfer whose records crypto/tls makes outlives a change of settings as one of the engine does, in its handler.
func TestOutliveOverHTTPS(t *testing.T) {
	grace := stopGrace
	stopGrace = 200 * time.Millisecond
	t.Cleanup(func() { stopGrace = grace })
	b := processBox(t)
	data := content(large)
	_, r, res := b.asked(b.clip("front/a.mp4", data))
	until, cut := context.WithCancel(t.Context())
	defer cut()
	ended := b.server.Outlive(until)
	b.stop()
	got, err := io.ReadAll(io.LimitReader(r, res.ContentLength))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
	}
	await(t, "the end of it", ended)
}

func TestOutliveEnds(t *testing.T) {
	grace := stopGrace
	stopGrace = 200 * time.Millisecond
	t.Cleanup(func() { stopGrace = grace })
	b := processBox(t)
	c := b.sparse("front/a.mp4", 256<<20)
	_, secure, _ := b.asked(c)
	plain := b.slow(c)
	until, cut := context.WithCancel(t.Context())
	ended := b.server.Outlive(until)
	b.stop()
	cut()
	await(t, "the end of it", ended)
	if n, err := io.Copy(io.Discard, secure); err == nil && n == c.Size {
		t.Error("the transfer over HTTPS was not cut off")
	}
	if _, err := io.Copy(io.Discard, plain.Body); err == nil {
		t.Error("the transfer over HTTP was not cut off")
	}
}

// Downloads that a handler sends hold memory and a place there: what is too many is refused, is told when to come again,
// and takes no place from anybody else.
func TestDownloadsOverHTTPSLeavePlaces(t *testing.T) {
	b := processBox(t)
	c := b.clip("front/a.mp4", content(large))
	asks := make([]*bufio.Reader, copies)
	for i := range asks {
		var res *http.Response
		if _, asks[i], res = b.asked(c); res.StatusCode != http.StatusOK {
			t.Fatalf("download %d: %s", i, res.Status)
		}
	}
	for range 3 {
		_, _, res := b.asked(c)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "5" || res.Header.Get("ETag") != "" {
			t.Errorf("a download too many: %s, %v", res.Status, res.Header)
		}
	}
	b.get("/healthz").is(t, 200, "")
	b.get(api.ClipPath(c)).is(t, 200, "") // without TLS there are 1024
	if n := b.server.Transfers(); n != copies {
		t.Errorf("%d transfers, want %d", n, copies)
	}
	if n, err := io.CopyN(io.Discard, asks[0], c.Size); err != nil {
		t.Errorf("the first was cut off after %d bytes: %v", n, err)
	}
	b.eventually("a place is free", func() bool { return b.server.Transfers() == copies-1 })
	if _, _, res := b.asked(c); res.StatusCode != http.StatusOK {
		t.Errorf("when a place is free: %s", res.Status)
	}
}

func TestTooManyTransfersOverHTTPS(t *testing.T) {
	for _, kernel := range kernels() {
		b := secureBox(t, kernel, func(c *Config) { c.MaxTransfers = 1 })
		c := b.clip("front/a.mp4", content(large))
		b.asked(c)
		if _, _, res := b.asked(c); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "5" {
			t.Errorf("the second download: %s, %v", res.Status, res.Header)
		}
		if !b.server.Fetching(c.ID) {
			t.Error("the clip is not said to be fetched")
		}
	}
}

// kernels are the values for secureBox that can be had here.
func kernels() []bool {
	switch k, _ := ktls.Probe(); {
	case os.Getenv("KERNEL_TLS") != "":
		return []bool{true}
	case k.Any():
		return []bool{false, true}
	}
	return []bool{false}
}

func TestRatesHoldOverHTTPS(t *testing.T) {
	for name, limit := range map[string]func(*Config){
		"each": func(c *Config) { c.TransferRate = 1 << 20 },
		"all":  func(c *Config) { c.TotalRate = 2 << 20 },
	} {
		for _, kernel := range kernels() {
			b := secureBox(t, kernel, limit)
			c := b.clip("front/a.mp4", content(2<<20))
			began := time.Now()
			_, one, _ := b.asked(c)
			_, two, _ := b.asked(c)
			for _, r := range []io.Reader{one, two} {
				if n, err := io.CopyN(io.Discard, r, c.Size); err != nil {
					t.Fatalf("%d bytes, %v", n, err)
				}
			}
			if took := time.Since(began); took < 700*time.Millisecond {
				t.Errorf("%s, kernel %v: 2 MiB to each of two clients took %v, want about two seconds", name, kernel, took)
			}
		}
	}
}
