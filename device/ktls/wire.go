package ktls

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"sync/atomic"
)

// wire is what crypto/tls reads from and writes to. It gives one record at a time, so that crypto/tls never holds a byte of
// the next one, and after the switch it takes nothing.
type wire struct {
	net.Conn
	header   [recordHeader]byte
	got      int // bytes of header
	left     int // bytes of the record that are still to come
	switched atomic.Bool
	refused  atomic.Bool // something was to be written after the switch
}

const recordHeader = 5 // RFC 8446 §5.1

// errAfterSwitch ends a connection on which crypto/tls has something to say that it no longer can.
var errAfterSwitch = errors.New("the client asks for new keys, or broke the protocol, after the kernel took over")

// NetConn is the connection below, as tls.Conn has it.
func (w *wire) NetConn() net.Conn { return w.Conn }

// Read is net.Conn's. It returns bytes of one record.
func (w *wire) Read(p []byte) (int, error) {
	if w.refused.Load() {
		return 0, errAfterSwitch
	}
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

// Write is net.Conn's.
func (w *wire) Write(p []byte) (int, error) {
	if w.switched.Load() {
		w.refused.Store(true)
		return 0, errAfterSwitch
	}
	return w.Conn.Write(p)
}

// secret is a tls.Config.KeyLogWriter that keeps the secret of the server's application data, the NSS key log format's
// SERVER_TRAFFIC_SECRET_0.
type secret struct {
	bytes [48]byte
	n     int
}

// Write takes one line: label, client random, secret.
func (s *secret) Write(line []byte) (int, error) {
	f := bytes.Fields(line)
	if len(f) == 3 && string(f[0]) == "SERVER_TRAFFIC_SECRET_0" && hex.DecodedLen(len(f[2])) <= len(s.bytes) {
		s.n, _ = hex.Decode(s.bytes[:], f[2]) // one that is cut off has the wrong length for its suite
	}
	return len(line), nil
}

func (s *secret) wipe() { *s = secret{} }
