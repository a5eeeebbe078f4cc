package httpd

import (
	"net/http"
	"strings"

	"clipd/device/api"
	"clipd/device/httpd/web"
)

// asset answers with an embedded file; its name holds its hash, so nobody asks twice. It is sent as it is stored,
// compressed, to everybody who takes that.
func (s *Server) asset(w http.ResponseWriter, r *http.Request, _ caller) error {
	a, ok := web.Find(r.PathValue("file"))
	if !ok {
		return api.NewProblem(api.NotFound, "There is no such file", "Load the page again.")
	}
	body := a.Gzip
	h := w.Header()
	if body == nil || !takesGzip(r) {
		var err error
		if body, err = a.Content(); err != nil {
			return err
		}
	} else {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", a.MediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Length", itoa(int64(len(body))))
	w.Write(body)
	return nil
}

// takesGzip reads Accept-Encoding (RFC 9110 §12.5.3) as browsers write it; a weight of 0 is a no.
func takesGzip(r *http.Request) bool {
	for word := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(word), ";")
		if name == "gzip" {
			return strings.Trim(weight, " q=0.") != "" || weight == ""
		}
	}
	return false
}
