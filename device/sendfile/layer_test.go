package sendfile

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// layer is a connection with something between the engine and net/http that reads in pieces of its own, as TLS does.
type layer struct {
	*Conn
	piece *[5]byte
	left  *[]byte // of piece, not read yet
	alone chan struct{}
}

func (l layer) Read(p []byte) (int, error) {
	if n := l.ReadLead(p); n > 0 {
		return n, nil
	}
	if len(*l.left) == 0 {
		l.SetParkable(true, len(p))
		n, err := l.Conn.Read(l.piece[:])
		if *l.left = l.piece[:n]; err != nil {
			return 0, err
		}
	}
	n := copy(p, *l.left)
	if *l.left = (*l.left)[n:]; len(p) == 1 && len(*l.left) == 0 {
		l.alone <- struct{}{}
	}
	return n, nil
}

type layers struct {
	net.Listener
	alone chan struct{}
}

func (l layers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if own, ok := c.(*Conn); ok {
		top := layer{own, new([5]byte), new([]byte), l.alone}
		own.SetResume(func(again *Conn) net.Conn { top.Conn = again; return top })
		return top, nil
	}
	return c, err
}

// TestOneByteOfTheNextRequestIsKept has net/http read a byte of the next request while the handler runs, with nothing more
// in the socket or the layer, and a body pending when it asks for the rest.
func TestOneByteOfTheNextRequestIsKept(t *testing.T) {
	path, want := random(t, 900_000)
	alone := make(chan struct{}, 1)
	r := start(t, Config{Unsent: 4 << 10, Quantum: 4 << 10}, func(e *Engine) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "text") })
		mux.HandleFunc("GET /clip", func(w http.ResponseWriter, r *http.Request) {
			<-alone
			f, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			e.ServeFile(w, r, "clip.mp4", time.Time{}, f, nil)
		})
		return mux
	})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := r.TLSListener(tcp)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.srv.Serve(layers{ln, alone}) }()
	t.Cleanup(func() { r.srv.Close(); <-served })

	c := dial(t, ln.Addr().String())
	first := "GET /clip HTTP/1.1\r\nHost: box\r\nX: " // whole pieces, so that the next byte is read by itself
	for len(first)%5 != 1 {
		first += "x"
	}
	io.WriteString(c, first+"\r\n\r\n"+"G")
	br := bufio.NewReader(c)
	got, err := readAnswer(br, "GET")
	if err != nil || !bytes.Equal(got.body, want) {
		t.Fatalf("%v, %d bytes", err, len(got.body))
	}
	io.WriteString(c, "ET /text HTTP/1.1\r\nHost: box\r\n\r\n")
	if got, err := readAnswer(br, "GET"); err != nil || string(got.body) != "text" {
		t.Errorf("the answer behind it: %v, %q %q", err, got.head, got.body)
	}
}
