package httpd

import (
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/sendfile"
	"clipd/store"
)

// representation is what the headers of a file's answer say about it.
type representation struct {
	name      string // for people and saved files
	saved     bool   // it is of no use in a browser
	mediaType string
	etag      string // quoted
	digest    string // Repr-Digest, RFC 9530 §3; "" if there is none
	caching   string // Cache-Control
	modified  time.Time
	size      int64
}

// send answers with f, or the part of it that r asks for, and closes f. It is the only function that moves the bytes of
// one file: the file and the ResponseWriter reach the engine as they are, so that the bytes go by sendfile(2). The transfer
// may outlast it. id is the clip the file belongs to.
func (s *Server) send(w http.ResponseWriter, r *http.Request, f *os.File, id store.ID, rep representation) error {
	if err := prepare(w, r, rep); err != nil {
		f.Close()
		return err
	}
	s.fetched.add(id)
	path := r.URL.Path
	s.engine.ServeFile(w, r, "", rep.modified, f, func(res sendfile.Result) {
		s.fetched.done(id)
		s.sayTruncated(path, res)
	})
	return nil
}

// prepare says what comes, before http.ServeContent decides how much of it.
func prepare(w http.ResponseWriter, r *http.Request, rep representation) error {
	keepByteRanges(r)
	if refusesRange(r, rep) {
		w.Header().Set("Content-Range", "bytes */"+itoa(rep.size))
		return api.NewProblem(api.RangeNotOK, "It has no such bytes", "It has "+itoa(rep.size)+" bytes in all.")
	}
	rep.describe(w.Header(), r)
	return nil
}

// sayTruncated notes a file that became shorter than what was promised. The connection is closed then: an answer that is
// too short must not be followed by another.
func (s *Server) sayTruncated(path string, res sendfile.Result) {
	if res.End == sendfile.Truncated {
		s.cfg.Log.Warn("truncated", "path", path, "promised", res.Size, "bytes", res.Bytes, "error", res.Err)
	}
}

func (rep representation) describe(h http.Header, r *http.Request) {
	h.Set("Content-Type", rep.mediaType)
	h.Set("ETag", rep.etag)
	h.Set("Cache-Control", rep.caching)
	h.Set("Content-Disposition", disposition(rep.name, rep.saved || r.URL.Query().Get("download") == "1"))
	if rep.digest != "" {
		h.Set("Repr-Digest", rep.digest)
	}
}

// keepByteRanges drops a Range in units we do not know, RFC 9110 §14.2 (the unit's name may be in any case), and says
// plainly what net/http would take for something else: a + is no digit, and the last zero bytes are none (§14.1.2).
func keepByteRanges(r *http.Request) {
	unit, spec, _ := strings.Cut(r.Header.Get("Range"), "=")
	if !strings.EqualFold(unit, "bytes") {
		r.Header.Del("Range")
		return
	}
	parts := strings.Split(spec, ",")
	for i, part := range parts {
		zeros, suffix := strings.CutPrefix(strings.TrimSpace(part), "-")
		switch {
		case strings.Contains(part, "+"):
			parts[i] = "malformed"
		case suffix && zeros != "" && strings.Trim(zeros, "0") == "":
			parts[i] = beyond
		}
	}
	r.Header.Set("Range", "bytes="+strings.Join(parts, ","))
}

// beyond is a range that no file has.
const beyond = "9223372036854775807-"

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
