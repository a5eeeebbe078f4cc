package ktls

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// reader reads what the client sends after the handshake, RFC 8446 §5. crypto/tls could, but would keep its buffers and the
// rest of the handshake, which is five times the memory. One goroutine uses it.
type reader struct {
	open   cipher.AEAD
	iv     [ivSize]byte
	number uint64 // of the next record
	header [recordHeader]byte
	record []byte // the one that is being read, nil until its header is there
	got    int    // bytes of header or record
	plain  []byte // of the last record, not read yet
	empty  int    // records without content in a row
	err    error  // the end
}

// Of RFC 8446 §5.1 and §5.2.
const (
	recordHeader    = 5
	recordHandshake = 22
	recordData      = 23
	maxRecord       = 1<<14 + 256
	maxEmpty        = 16 // as crypto/tls has it: more of them are an attack
)

// Errors that end a connection.
var (
	errRecord    = errors.New("the client sent a record that cannot be read")
	errHandshake = errors.New("the client asks for other keys, which the kernel cannot change")
)

func newReader(s *suite, secret []byte) (*reader, error) {
	key, err := s.expandLabel(secret, "key", s.key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	iv, err := s.expandLabel(secret, "iv", ivSize)
	if err != nil {
		return nil, err
	}
	r := &reader{iv: [ivSize]byte(iv)}
	r.open, err = s.aead(key)
	return r, err
}

// read reads decrypted bytes of from into p. An error of from that is over some day, such as a deadline, leaves the place
// where it was.
func (r *reader) read(from io.Reader, p []byte) (int, error) {
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if err := r.fill(from); err != nil {
			return 0, err
		}
		r.err = r.decrypt()
	}
	n := copy(p, r.plain)
	if r.plain = r.plain[n:]; len(r.plain) == 0 {
		r.plain = nil
	}
	return n, nil
}

// between tells whether everything that was received has been read.
func (r *reader) between() bool { return len(r.plain) == 0 && r.record == nil && r.got == 0 }

// fill reads a record to its end.
func (r *reader) fill(from io.Reader) error {
	if r.record == nil {
		if err := r.more(from, r.header[:]); err != nil {
			return err
		}
		n := int(binary.BigEndian.Uint16(r.header[3:]))
		if r.header[0] != recordData || n > maxRecord {
			r.err = errRecord
			return r.err
		}
		r.record = make([]byte, n)
	}
	return r.more(from, r.record)
}

// more reads what p lacks.
func (r *reader) more(from io.Reader, p []byte) error {
	for r.got < len(p) {
		n, err := from.Read(p[r.got:])
		r.got += n
		if err == io.EOF && !r.between() {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && r.got < len(p) {
			return err
		}
	}
	r.got = 0
	return nil
}

// decrypt makes plain of record, or says why nothing more comes.
func (r *reader) decrypt() error {
	nonce := r.iv
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^r.number) // §5.3
	r.number++
	inner, err := r.open.Open(r.record[:0], nonce[:], r.record, r.header[:])
	r.record = nil
	if err != nil {
		return errRecord
	}
	end := len(inner) // §5.4: the type stands before the padding
	for end > 0 && inner[end-1] == 0 {
		end--
	}
	if end == 0 {
		return errRecord
	}
	return r.take(inner[end-1], inner[:end-1])
}

func (r *reader) take(kind byte, content []byte) error {
	switch {
	case kind == recordData && len(content) > 0:
		r.plain, r.empty = content, 0
		return nil
	case kind == recordData && r.empty < maxEmpty:
		r.empty++
		return nil
	case kind == recordHandshake:
		return errHandshake
	case kind == recordAlert && len(content) == 2 && content[1] == alertCloseNotify:
		return io.EOF
	case kind == recordAlert && len(content) == 2:
		return fmt.Errorf("the client ended the connection with alert %d", content[1])
	}
	return errRecord
}
