package sendfile

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// ServeFile answers r with f as http.ServeContent does: it decides about ranges, conditions, the header and HEAD, with
// the ETag that w's header has; name only serves to guess a Content-Type that is not set. It takes f over, a regular file,
// and closes it.
//
// A body worth it is moved by the engine: ServeFile then returns while it is under way, and neither w nor r may be used any
// more. Everything else is sent by net/http before it returns: short bodies, several ranges at once, HEAD, HTTP/1.0,
// requests with a body, TLS that Go encrypts.
//
// Every body, long or short, is one of Config.MaxTransfers while it is on its way; when there is none to be had, Config.Busy
// answers. What the handler itself must send while the client takes it (several ranges at once, TLS that Go encrypts) holds a
// slot and some 60 kB all that time, and is one of Config.Copies too.
//
// onEnd, if not nil, is called exactly once, after the response: by this goroutine when net/http sent it, otherwise by one
// goroutine that does this for all, so it must be quick.
func (e *Engine) ServeFile(w http.ResponseWriter, r *http.Request, name string, modtime time.Time, f *os.File, onEnd func(Result)) {
	b, err := fileBody(e.files, f)
	if err != nil {
		unreadable(w, err, onEnd)
		return
	}
	e.serve(w, r, name, modtime, b, onEnd)
}

// unreadable answers for a file of which nothing can be said.
func unreadable(w http.ResponseWriter, err error, onEnd func(Result)) {
	http.Error(w, "cannot read the file", http.StatusInternalServerError)
	if onEnd != nil {
		onEnd(Result{End: Truncated, Err: err})
	}
}

// ServeParts is ServeFile for a body of several parts, such as an archive of files. w's header needs a Content-Type.
func (e *Engine) ServeParts(w http.ResponseWriter, r *http.Request, name string, modtime time.Time, parts Parts, onEnd func(Result)) {
	e.serve(w, r, name, modtime, newBody(e.files, parts), onEnd)
}

func (e *Engine) serve(w http.ResponseWriter, r *http.Request, name string, modtime time.Time, b *body, onEnd func(Result)) {
	h := &handOver{ResponseWriter: w, eng: e, r: r, body: b, begun: e.now(), onEnd: onEnd, conn: connOf(r)}
	b.mayPend = h.conn != nil
	http.ServeContent(h, r, name, modtime, b)
	if h.taken {
		return
	}
	h.passHeader()
	if c := h.conn; c != nil && c.pending != nil && c.pending.body == b {
		c.pending.begun, c.pending.onEnd, c.pending.size = h.begun, onEnd, h.size
		c.pending.moved.Store(h.size - c.pending.left)
		return
	}
	b.close()
	h.report()
}

// connOf returns the connection r came in on, or nil if the engine cannot take it.
func connOf(r *http.Request) *Conn {
	c, _ := r.Context().Value(connKey{}).(*Conn)
	return c
}

// handOver is the ResponseWriter that http.ServeContent writes to. The status waits until it is known who sends the body.
type handOver struct {
	http.ResponseWriter
	eng   *Engine
	r     *http.Request
	conn  *Conn
	body  *body
	begun time.Duration
	onEnd func(Result)

	code  int // not written yet; 0 if none is, or it is
	sent  int64
	size  int64
	end   End
	err   error
	taken bool // the engine has the connection

	admitted bool // it is one of Config.MaxTransfers
	copied   bool // and one of Config.Copies: the handler waits for the client
}

// WriteHeader is http.ResponseWriter's.
func (h *handOver) WriteHeader(code int) { h.code = code }

// Write is http.ResponseWriter's.
func (h *handOver) Write(p []byte) (int, error) {
	h.passHeader()
	n, err := h.ResponseWriter.Write(p)
	h.note(int64(n), err)
	return n, err
}

func (h *handOver) passHeader() {
	if h.code != 0 {
		h.ResponseWriter.WriteHeader(h.code)
		h.code = 0
	}
}

func (h *handOver) note(n int64, err error) {
	h.sent += n
	switch {
	case err == nil:
	case errors.Is(err, errTruncated):
		h.end, h.err = Truncated, err
	default:
		h.end, h.err = ClientGone, err
	}
}

// ReadFrom is io.ReaderFrom's: what http.ServeContent calls to have the body sent.
func (h *handOver) ReadFrom(src io.Reader) (int64, error) {
	lim, ok := src.(*io.LimitedReader)
	if ok {
		h.size = lim.N
	}
	h.copied = h.conn == nil || !ok || lim.R != io.Reader(h.body) // the last: several ranges at once
	if h.admitted = h.eng.admitTransfer(h.copied); !h.admitted {
		h.refuse()
		return 0, errBusy
	}
	if h.copied || !h.worthIt(lim.N) {
		return h.sendHere(src)
	}
	if err := h.handOver(lim.N); err != nil {
		return h.sendHere(src) // says why, if the connection is closed
	}
	n := lim.N
	lim.N = 0
	return n, nil
}

var errBusy = errors.New("too many transfers")

// sendHere lets net/http send, by the ResponseWriter's own ReadFrom: behind a wrapper without one it would copy.
func (h *handOver) sendHere(src io.Reader) (int64, error) {
	h.passHeader()
	if h.copied {
		src = h.limited(src)
	}
	rf, ok := h.ResponseWriter.(io.ReaderFrom)
	if !ok {
		n, err := io.Copy(writerOnly{h.ResponseWriter}, src)
		h.note(n, err)
		return n, err
	}
	n, err := rf.ReadFrom(src)
	h.note(n, err)
	return n, err
}

// worthIt says whether the engine is to send n bytes of body. What is not plain stays with net/http, which knows best.
func (h *handOver) worthIt(n int64) bool {
	r, header := h.r, h.Header()
	switch {
	case h.conn == nil || n <= h.eng.cfg.HandOver:
		return false
	case r.Method != http.MethodGet || r.ProtoMajor != 1 || r.ProtoMinor != 1:
		return false
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0 || len(r.Header["Expect"]) > 0:
		return false
	case header.Get("Content-Length") != strconv.FormatInt(n, 10):
		return false
	case header.Get("Transfer-Encoding") != "" || len(header["Trailer"]) > 0 || h.code == 0:
		return false
	}
	c := header["Connection"]
	return len(c) == 0 || len(c) == 1 && c[0] == "close"
}

// refuse answers that there are too many transfers.
func (h *handOver) refuse() {
	h.code, h.end = 0, Refused
	header := h.Header()
	for _, key := range []string{"Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Length", "Content-Range",
		"Content-Type", "Etag", "Last-Modified", "Repr-Digest"} {
		header.Del(key)
	}
	h.eng.cfg.Busy(h.ResponseWriter, h.r)
}

// handOver takes the connection from net/http and gives it, with the header and n bytes of the body, to the engine.
func (h *handOver) handOver(n int64) error {
	e := h.eng
	if err := h.conn.flush(); err != nil { // of a request whose next one net/http had already
		return err
	}
	keep := !h.r.Close && h.Header().Get("Connection") == "" && !e.isDraining()
	head := appendHeader(nil, h.code, h.Header(), !keep)
	_, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return fmt.Errorf("hijack: %w", err)
	}
	h.code = 0
	s := h.conn.s
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	s.lead = slices.Concat(early, h.conn.lead)
	if _, err := h.conn.release(); err != nil { // closed meanwhile, by http.Server.Close
		return err
	}
	h.taken = true
	e.begin(s, &transfer{body: h.body, head: head, left: n, size: n, keep: keep, begun: h.begun, onEnd: h.onEnd})
	return nil
}

// report ends a response that net/http sent.
func (h *handOver) report() {
	if h.admitted || h.end == Refused {
		h.eng.stats.ended[h.end].Add(1)
		h.eng.stats.copied.Add(uint64(h.sent - h.body.moved))
	}
	if h.admitted {
		h.eng.cancelTransfer(h.copied)
	}
	if h.onEnd != nil {
		h.onEnd(Result{End: h.end, Bytes: h.sent, Size: h.size, Duration: h.eng.now() - h.begun, Err: h.err})
	}
}

func (e *Engine) isDraining() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.draining
}
