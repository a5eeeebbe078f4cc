package httpd

import (
	"io"
	"net/http"
	"time"

	"clipd/device/api"
)

const (
	// maxBundle is more than any bundle has; what one holds is bounded by device/update.
	maxBundle = 65 << 20
	// bundleSilence is how long a bundle may bring nothing.
	bundleSilence = 60 * time.Second
)

// update takes a bundle as it comes. Its body is read to the end also where it is refused: a client that still sends
// would not see the answer (RFC 9112 §9.6). One that asks before it sends (RFC 9110 §10.1.1) is spared that.
func (s *Server) update(w http.ResponseWriter, r *http.Request, as caller) error {
	p := s.query(r, "downgrade")
	downgrade := p.flag("downgrade")
	if p.err != nil {
		return p.err
	}
	conn := http.NewResponseController(w)
	body := &steadyBody{Reader: http.MaxBytesReader(w, r.Body, maxBundle), conn: conn}
	taken, err := s.cfg.Update(body, downgrade != nil && *downgrade)
	if body.begun || r.Header.Get("Expect") == "" {
		_, _ = io.Copy(io.Discard, body) // how that ends changes nothing
	}
	_ = conn.SetReadDeadline(time.Time{}) // a connection that has none is gone
	if err != nil {
		return err
	}
	s.cfg.Log.Info("update taken", "version", taken.Version, "by", as.token.Name)
	w.Header().Set("Connection", "close")
	return reply(w, http.StatusAccepted, taken)
}

// errCutBundle is a body that ends or rests in the middle.
var errCutBundle = api.NewProblem(api.BadRequest, "The bundle did not arrive whole", "Send it again; nothing has changed.")

// steadyBody is a body that must go on.
type steadyBody struct {
	io.Reader
	conn  *http.ResponseController
	begun bool
}

// Read is io.Reader's. Whatever goes wrong but the end is the client's.
func (b *steadyBody) Read(p []byte) (int, error) {
	b.begun = true
	if err := b.conn.SetReadDeadline(time.Now().Add(bundleSilence)); err != nil {
		return 0, errCutBundle
	}
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = errCutBundle
	}
	return n, err
}
