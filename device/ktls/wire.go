package ktls

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net"
)

// wire is what crypto/tls reads from while it shakes hands. It gives one record at a time, so that nothing of what follows
// the handshake is left in crypto/tls.
type wire struct {
	net.Conn
	header [recordHeader]byte
	got    int // bytes of header
	left   int // bytes of the record that are still to come
}

// NetConn is the connection below, as tls.Conn has it.
func (w *wire) NetConn() net.Conn { return w.Conn }

// Read is net.Conn's. It returns bytes of one record.
func (w *wire) Read(p []byte) (int, error) {
	if w.left > 0 {
		n, err := w.Conn.Read(p[:min(len(p), w.left)])
		w.left -= n
		return n, err
	}
	n, err := w.Conn.Read(p[:min(len(p), recordHeader-w.got)])
	w.got += copy(w.header[w.got:], p[:n])
	if w.got == recordHeader {
		w.got, w.left = 0, int(binary.BigEndian.Uint16(w.header[3:]))
	}
	return n, err
}

// between tells whether no record has been read in part.
func (w *wire) between() bool { return w.left == 0 && w.got == 0 }

// secrets is a tls.Config.KeyLogWriter that keeps the secrets of application data, in the NSS key log format
// CLIENT_TRAFFIC_SECRET_0 and SERVER_TRAFFIC_SECRET_0.
type secrets struct {
	client, server secret
}

type secret struct {
	bytes [48]byte
	n     int
}

// Write takes one line: label, client random, secret.
func (s *secrets) Write(line []byte) (int, error) {
	if f := bytes.Fields(line); len(f) == 3 {
		switch string(f[0]) {
		case "CLIENT_TRAFFIC_SECRET_0":
			s.client.decode(f[2])
		case "SERVER_TRAFFIC_SECRET_0":
			s.server.decode(f[2])
		}
	}
	return len(line), nil
}

// decode keeps what is in text; what is wrong has the wrong length for its suite.
func (s *secret) decode(text []byte) {
	if hex.DecodedLen(len(text)) <= len(s.bytes) {
		s.n, _ = hex.Decode(s.bytes[:], text)
	}
}

func (s *secret) value() []byte { return s.bytes[:s.n] }

func (s *secrets) wipe() { *s = secrets{} }
