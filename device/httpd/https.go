package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"clipd/device/ktls"
	"clipd/device/sendfile"
)

// listenTLS is the engine's listener for HTTPS. A connection that comes out of it is either crypto/tls's, or its records are
// made by the kernel and the engine moves files to it as to a plain one.
func (s *Server) listenTLS(secure net.Listener) (net.Listener, error) {
	records, err := s.engine.TLSListener(secure)
	if err != nil {
		return nil, err
	}
	return ktls.NewListener(records, ktls.Config{
		TLS: s.cfg.TLS, Kernel: s.cfg.Kernel, Timeout: headerTimeout, Wrap: wrapKernel, Failed: s.handshakeFailed,
	}), nil
}

// kernelConn is a connection whose records the kernel makes: it writes as the engine does, and reads as crypto/tls does.
type kernelConn struct {
	*sendfile.Conn
	tls *ktls.Conn
}

func wrapKernel(raw net.Conn, c *ktls.Conn) net.Conn {
	conn := raw.(*sendfile.Conn)
	conn.SetFarewell(func(fd int) { _ = ktls.CloseNotify(fd) }) // a client that takes nothing is closed without
	conn.SetResume(func(again *sendfile.Conn) net.Conn {
		c.Rebind(again)
		return kernelConn{again, c}
	})
	return kernelConn{conn, c}
}

// KernelTLS tells the listener that hands were shaken.
func (c kernelConn) KernelTLS() *ktls.Conn { return c.tls }

// Read is net.Conn's.
func (c kernelConn) Read(p []byte) (int, error) {
	if n := c.ReadLead(p); n > 0 {
		return n, nil
	}
	c.SetParkable(c.tls.Empty(), len(p))
	return c.tls.Read(p)
}

// tlsKey is under which a request's context has the state of such a connection: net/http knows only those of crypto/tls.
type tlsKey struct{}

func connContext(ctx context.Context, c net.Conn) context.Context {
	if k, ok := c.(kernelConn); ok {
		return context.WithValue(ctx, tlsKey{}, k.tls.ConnectionState())
	}
	return ctx
}

// setTLS gives r the state that net/http left out.
func setTLS(r *http.Request) {
	if state, ok := r.Context().Value(tlsKey{}).(*tls.ConnectionState); ok {
		r.TLS = state
	}
}

// handshakeFailed tells a client that speaks plain HTTP what it did, as net/http does.
func (s *Server) handshakeFailed(raw net.Conn, err error) {
	s.cfg.Log.Debug("TLS handshake failed", "from", raw.RemoteAddr(), "error", err)
	var wrong tls.RecordHeaderError
	if !errors.As(err, &wrong) || !looksLikeHTTP(wrong.RecordHeader[:]) {
		return
	}
	const text = "This port speaks HTTPS: the address begins with https://\n"
	// Who cannot be told, is not.
	_, _ = raw.Write([]byte("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" + text))
}

func looksLikeHTTP(header []byte) bool {
	method, _, _ := strings.Cut(string(header), " ")
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELET", "OPTIO":
		return true
	}
	return false
}
