package httpd

import (
	"net/http"
	"strconv"
	"time"

	"clipd/device/sendfile"
)

// archive answers with one ZIP of the clips that r selects. Every clip is looked at before the first byte: what cannot be
// delivered whole is refused.
func (s *Server) archive(w http.ResponseWriter, r *http.Request, _ caller) error {
	ids, err := s.selected(w, r)
	if err != nil {
		return err
	}
	a, err := s.archives.layOut(r.Context(), ids)
	if err != nil {
		return err
	}
	r = asGet(r)
	if err := prepare(w, r, s.ofArchive(a)); err != nil {
		s.archives.done(a)
		return err
	}
	path, one := r.URL.Path, archiveReader{archive: a}
	s.engine.ServeParts(w, r, "", time.Time{}, sendfile.Parts{Size: a.size, At: one.at}, func(res sendfile.Result) {
		s.archives.done(a)
		s.sayTruncated(path, res)
	})
	return nil
}

// ofArchive leaves out Last-Modified: another selection can have the same newest clip, and a download would then be
// resumed with the bytes of that one.
func (s *Server) ofArchive(a *archive) representation {
	return representation{
		name: s.cfg.Box.Name + "-" + strconv.Itoa(len(a.ids)) + "-clips.zip", saved: true, mediaType: "application/zip",
		etag: a.etag, caching: "private, no-cache", size: a.size,
	}
}

// asGet is what is left of a POST once its body has been read to the end: a request without a body, whose connection the
// engine can take. Ranges and conditions are for GET alone, RFC 9110 §14.2 and §13.1.
func asGet(r *http.Request) *http.Request {
	if r.Method != http.MethodPost {
		return r
	}
	get := r.WithContext(r.Context())
	get.Method, get.Body, get.ContentLength, get.TransferEncoding = http.MethodGet, http.NoBody, 0, nil
	get.Header = http.Header{"Accept": r.Header["Accept"]}
	return get
}
