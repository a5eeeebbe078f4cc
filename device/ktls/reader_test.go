package ktls

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// The peer is crypto/tls itself.
func TestReaderReadsWhatCryptoTLSWrites(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	data := make([]byte, 1<<20)
	rand.Read(data)
	failed := make(chan error, 1)
	go func() {
		c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			for p := data; err == nil && len(p) > 0; p = p[min(len(p), 54321):] {
				_, err = c.Write(p[:min(len(p), 54321)])
			}
			err = errors.Join(err, c.Close())
		}
		failed <- err
	}()
	raw, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var s secrets
	cfg := serverConfig(t)
	cfg.SessionTicketsDisabled, cfg.KeyLogWriter = true, &s
	w := &wire{Conn: raw}
	c := tls.Server(w, cfg)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if !w.between() {
		t.Error("crypto/tls read on after the handshake")
	}
	all := Kernel{can: [len(suites)]bool{true, true, true}}
	in, err := newReader(all.suite(c.ConnectionState().CipherSuite), s.client.value())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(from{in, raw})
	if err != nil || !bytes.Equal(got, data) || !in.between() {
		t.Errorf("%d bytes of %d, %v; all is read: %v", len(got), len(data), err, in.between())
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// from is a reader with what it reads from.
type from struct {
	in  *reader
	raw io.Reader
}

func (f from) Read(p []byte) (int, error) { return f.in.read(f.raw, p) }

// client seals records as a client does.
type client struct {
	*reader
}

func pairOf(t *testing.T, s *suite) (*reader, client) {
	t.Helper()
	secret := bytes.Repeat([]byte{7}, s.hash().Size())
	server, err := newReader(s, secret)
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := newReader(s, secret)
	if err != nil {
		t.Fatal(err)
	}
	return server, client{sealing}
}

func (c client) record(inner string) []byte {
	nonce := c.iv
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^c.number)
	c.number++
	header := []byte{recordData, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+c.open.Overhead()))
	return c.open.Seal(header, nonce[:], []byte(inner), header)
}

func TestReaderEndsWhereItMust(t *testing.T) {
	empty := strings.Repeat("\x17|", maxEmpty)
	for _, tt := range []struct {
		name, records string // of inner plaintexts
		change        func([]byte) []byte
		want          string
		err           error
	}{
		{"data", "ab\x17|c\x17\x00\x00|\x17|de\x17|\x01\x00\x15", nil, "abcde", io.EOF},
		{"empty ones, not too many", empty + "x\x17|\x01\x00\x15", nil, "x", io.EOF},
		{"too many empty ones", empty + "\x17", nil, "", errRecord},
		{"key update", "ab\x17|\x18\x00\x00\x01\x00\x16", nil, "ab", errHandshake},
		{"a fatal alert", "ab\x17|\x02\x28\x15", nil, "ab", errors.New("alert 40")},
		{"nothing but padding", "\x00\x00\x00", nil, "", errRecord},
		{"another type", "ab\x14", nil, "", errRecord},
		{"no close_notify", "ab\x17", nil, "ab", io.EOF},
		{"cut off", "ab\x17", func(b []byte) []byte { return b[:len(b)-1] }, "", io.ErrUnexpectedEOF},
		{"cut off in the header", "ab\x17|c\x17", func(b []byte) []byte { return b[:len(b)-20] }, "ab", io.ErrUnexpectedEOF},
		{"a bit turned over", "ab\x17", func(b []byte) []byte { b[7] ^= 4; return b }, "", errRecord},
		{"header changed", "ab\x17", func(b []byte) []byte { b[2] ^= 4; return b }, "", errRecord},
		{"not encrypted", "ab\x17", func(b []byte) []byte { b[0] = recordAlert; return b }, "", errRecord},
		{"too long", "ab\x17", func(b []byte) []byte { b[3] = 0x41; b[4] = 1; return b }, "", errRecord},
	} {
		for i := range suites {
			server, client := pairOf(t, &suites[i])
			var sent []byte
			for inner := range strings.SplitSeq(tt.records, "|") {
				sent = append(sent, client.record(inner)...)
			}
			if tt.change != nil {
				sent = tt.change(sent)
			}
			raw := bytes.NewReader(sent)
			var got []byte
			var err error
			for p := make([]byte, 2); err == nil; { // small reads: the rest of a record is kept
				var n int
				n, err = server.read(raw, p)
				got = append(got, p[:n]...)
			}
			if string(got) != tt.want || !errors.Is(err, tt.err) && !strings.Contains(err.Error(), tt.err.Error()) {
				t.Errorf("%s, %s: %q, %v", suites[i].name, tt.name, got, err)
			}
			if _, again := server.read(raw, make([]byte, 1)); again == nil {
				t.Errorf("%s, %s: read on after the end", suites[i].name, tt.name)
			}
		}
	}
}

// slow gives one byte at a time, and in between an error as a deadline's.
type slow struct {
	left []byte
	late bool
}

func (s *slow) Read(p []byte) (int, error) {
	if s.late = !s.late; s.late {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	p[0], s.left = s.left[0], s.left[1:]
	return 1, nil
}

func TestReaderKeepsItsPlaceOverADeadline(t *testing.T) {
	server, client := pairOf(t, &suites[0])
	raw := &slow{left: append(client.record("hello\x17"), client.record("\x01\x00\x15")...)}
	var got []byte
	p := make([]byte, 10)
	for {
		n, err := server.read(raw, p)
		got = append(got, p[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if string(got) != "hello" {
		t.Errorf("%q", got)
	}
}

// Whatever arrives, the reader neither panics nor takes more than a record.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x17\x03\x03\x00\x05hello"))
	f.Add([]byte("\x17\x03\x03\xff\xff"))
	f.Add([]byte("\x16\x03\x01\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		server, _ := pairOf(t, &suites[2])
		if n, err := server.read(bytes.NewReader(data), make([]byte, 100)); n > 0 || err == nil {
			t.Errorf("%d bytes of what nobody encrypted, %v", n, err)
		}
	})
}
