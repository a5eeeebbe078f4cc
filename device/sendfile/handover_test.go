package sendfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"
)

// exchange is a request and the body of its answer.
type exchange struct {
	method, text string
	body         []byte
}

// script turns bytes into requests on one connection, two bytes for each.
func script(data, clip []byte) (list []exchange) {
	for ; len(data) >= 2 && len(list) < 12; data = data[2:] {
		from := int(data[1]) * 1000
		ask := func(method, path, more, body string) exchange {
			return exchange{method, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: box\r\n%s\r\n", method, path, more) + body, nil}
		}
		var e exchange
		switch data[0] % 8 {
		case 0, 1:
			e = ask("GET", "/clip", "", "")
			e.body = clip
		case 2, 3:
			e = ask("GET", "/clip", fmt.Sprintf("Range: bytes=%d-\r\n", from), "")
			e.body = clip[from:]
		case 4:
			e = ask("HEAD", "/clip", "", "")
		case 5:
			e = ask("GET", "/chunked", "", "")
			e.body = []byte("one two")
		case 6:
			body := bytes.Repeat([]byte("x"), int(data[1]))
			e = ask("POST", "/echo", fmt.Sprintf("Content-Length: %d\r\n", len(body)), string(body))
			e.body = body
		case 7:
			e = ask("GET", "/clip", "If-None-Match: *\r\n", "")
			e.body = nil
		}
		list = append(list, e)
	}
	return list
}

// FuzzHandOver sends requests of all kinds on one connection, cut into writes anywhere, some ahead of the answers before
// them. Each must get its own answer, in order, whoever sends it: net/http, the engine, or one after the other.
func FuzzHandOver(f *testing.F) {
	path, clip := random(f, 300_000)
	var rigs []*rig
	for _, handOver := range []int64{1, 100_000, 1 << 40} {
		rigs = append(rigs, start(f, Config{HandOver: handOver, Grace: time.Millisecond, Slots: 2}, routes(f, path, nil)))
	}
	f.Add([]byte{0, 0, 2, 9, 0, 0}, []byte{40, 1}, byte(0))
	f.Add([]byte{2, 200, 6, 100, 4, 0, 5, 0, 0, 0}, []byte{1, 255, 3}, byte(1))
	f.Add([]byte{7, 0, 3, 255, 3, 1, 6, 0}, []byte{}, byte(2))
	f.Add([]byte{0, 0, 6, 255, 0, 0, 6, 255, 0, 0, 5, 5}, []byte{100, 100, 100, 7, 7, 7}, byte(4))
	f.Fuzz(func(t *testing.T, data, cuts []byte, which byte) {
		list := script(data, clip)
		var all bytes.Buffer
		for _, e := range list {
			all.WriteString(e.text)
		}
		c := dial(t, rigs[int(which)%len(rigs)].addr)
		wrote := make(chan error, 1)
		go func() {
			text := all.Bytes()
			for i := 0; len(text) > 0; i++ {
				n := len(text)
				if i < len(cuts) {
					n = min(n, 1+int(cuts[i]))
				}
				if _, err := c.Write(text[:n]); err != nil {
					wrote <- err
					return
				}
				text = text[n:]
			}
			wrote <- nil
		}()
		br := bufio.NewReader(c)
		for i, e := range list {
			got, err := readAnswer(br, e.method)
			if err != nil || !bytes.Equal(got.body, e.body) {
				t.Fatalf("answer %d to %q: %v, %s%.40q, %d, want %d bytes", i, e.text, err, got.head, got.body, len(got.body), len(e.body))
			}
		}
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
			t.Fatalf("after the last answer: %v, %q", err, rest)
		}
	})
}

// TestSlowloris has 500 clients that send their request a byte at a time, for ever, while another is served again and again.
func TestSlowloris(t *testing.T) {
	path, want := random(t, 500_000)
	r := start(t, Config{Slots: 4, HeaderTimeout: 3 * time.Second}, routes(t, path, nil))
	const slow = 500
	stop, done := make(chan struct{}), make(chan struct{})
	var conns []io.Writer
	for range slow {
		conns = append(conns, dial(t, r.addr))
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		text := "GET /clip HTTP/1.1\r\nHost: box\r\n"
		for i := 0; ; i++ {
			for _, c := range conns {
				if i < len(text) {
					io.WriteString(c, text[i:i+1])
				} else {
					io.WriteString(c, "X")
				}
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	c := dial(t, r.addr)
	br := bufio.NewReader(c)
	served := 0
	for ; r.Stats().Conns > 1; served++ {
		io.WriteString(c, getClip)
		if got, err := readAnswer(br, "GET"); err != nil || !bytes.Equal(got.body, want) {
			t.Fatalf("good client, request %d: %v, %d bytes", served, err, len(got.body))
		}
	}
	close(stop)
	<-done
	if st := r.Stats(); st.Evicted > 0 || st.Accepted != slow+1 || served < 2 {
		t.Errorf("%d answers, stats = %+v, want the slow ones to have had their time, and nobody else to be hurt", served, st)
	}
}
