package httpd

import (
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"clipd/device/api"
)

// representation is what the headers of a file's answer say about it.
type representation struct {
	name      string // for people and saved files
	mediaType string
	etag      string // quoted
	digest    string // Repr-Digest, RFC 9530 §3; "" if there is none
	caching   string // Cache-Control
	modified  time.Time
	size      int64
}

// send answers with f, or the part of it that r asks for. It is the only function that moves file bytes: the file and
// the ResponseWriter reach http.ServeContent as they are, so that the bytes go by sendfile(2).
func (s *Server) send(w http.ResponseWriter, r *http.Request, f *os.File, rep representation) error {
	keepByteRanges(r)
	if refusesRange(r, rep) {
		w.Header().Set("Content-Range", "bytes */"+itoa(rep.size))
		return api.NewProblem(api.RangeNotOK, "The clip has no such bytes", "It has "+itoa(rep.size)+" bytes.")
	}
	if r.Method != http.MethodHead {
		if !s.claim() {
			return api.NewProblem(api.Busy, "Too many downloads at once", "Try again in a few seconds.")
		}
		defer s.release()
	}
	rep.describe(w.Header(), r)
	http.ServeContent(w, r, "", rep.modified, f)
	s.checkWhole(r, f, rep)
	return nil
}

// claim takes one of the places for transfers, if there is one.
func (s *Server) claim() bool {
	if s.transfers.Add(1) <= int64(s.cfg.MaxTransfers) {
		return true
	}
	s.transfers.Add(-1)
	return false
}

func (s *Server) release() { s.transfers.Add(-1) }

func (rep representation) describe(h http.Header, r *http.Request) {
	h.Set("Content-Type", rep.mediaType)
	h.Set("ETag", rep.etag)
	h.Set("Cache-Control", rep.caching)
	h.Set("Content-Disposition", disposition(rep.name, r.URL.Query().Get("download") == "1"))
	if rep.digest != "" {
		h.Set("Repr-Digest", rep.digest)
	}
}

// checkWhole says in the log when the file became shorter than what was promised. net/http then has closed the
// connection: an answer that is too short must not be followed by another.
func (s *Server) checkWhole(r *http.Request, f *os.File, rep representation) {
	fi, err := f.Stat()
	if err != nil || fi.Size() >= rep.size {
		return
	}
	s.cfg.Log.Warn("truncated", "path", r.URL.Path, "promised", rep.size, "bytes", fi.Size())
}

// keepByteRanges drops a Range in units we do not know, RFC 9110 §14.2. The unit's name may be in any case.
func keepByteRanges(r *http.Request) {
	unit, spec, _ := strings.Cut(r.Header.Get("Range"), "=")
	if strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		r.Header.Set("Range", "bytes="+spec)
		return
	}
	r.Header.Del("Range")
}

// refusesRange asks http.ServeContent itself, without a file and with nobody listening, whether it will answer 416:
// its own answer would be no problem document.
func refusesRange(r *http.Request, rep representation) bool {
	if r.Header.Get("Range") == "" {
		return false
	}
	ask := &http.Request{Method: http.MethodHead, Header: r.Header}
	heard := deaf{header: http.Header{"Etag": {rep.etag}, "Content-Type": {rep.mediaType}}}
	http.ServeContent(&heard, ask, "", rep.modified, io.NewSectionReader(strings.NewReader(""), 0, rep.size))
	return heard.status == http.StatusRequestedRangeNotSatisfiable
}

// deaf is a ResponseWriter that hears nothing but the status.
type deaf struct {
	header http.Header
	status int
}

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) WriteHeader(status int)      { d.status = status }
func (d *deaf) Write(b []byte) (int, error) { return len(b), nil }
