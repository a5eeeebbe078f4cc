package ktls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// suite is how the kernel is told of one cipher suite of TLS 1.3, linux/tls.h.
type suite struct {
	id     uint16
	name   string
	cipher uint16 // TLS_CIPHER_…
	key    int    // bytes
	salt   int    // bytes of the IV that come after the key, and not before it
	hash   func() hash.Hash
	aead   func(key []byte) (cipher.AEAD, error)
}

var suites = [...]suite{
	{tls.TLS_AES_128_GCM_SHA256, "AES-128-GCM", 51, 16, 4, sha256.New, newGCM},
	{tls.TLS_AES_256_GCM_SHA384, "AES-256-GCM", 52, 32, 4, sha512.New384, newGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, "ChaCha20-Poly1305", 54, 32, 0, sha256.New, chacha20poly1305.New},
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Kernel says which suites the kernel makes records for; the zero value is none. Probe finds out.
type Kernel struct {
	can [len(suites)]bool
}

// Any tells whether there is any suite.
func (k Kernel) Any() bool { return k != Kernel{} }

// String names the suites.
func (k Kernel) String() string {
	var names []string
	for i, s := range suites {
		if k.can[i] {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// suite returns that with the id, nil if the kernel does not know it.
func (k Kernel) suite(id uint16) *suite {
	for i := range suites {
		if suites[i].id == id && k.can[i] {
			return &suites[i]
		}
	}
	return nil
}

const ivSize = 12

// cryptoInfo is the struct tls12_crypto_info_… of linux/tls.h: version, cipher, then IV, key, salt and record number.
func (s *suite) cryptoInfo(secret []byte) ([]byte, error) {
	iv, err := s.expandLabel(secret, "iv", ivSize)
	if err != nil {
		return nil, err
	}
	defer clear(iv)
	key, err := s.expandLabel(secret, "key", s.key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	info := make([]byte, 0, 64) // never grown: what is left behind would not be wiped
	info = binary.NativeEndian.AppendUint16(info, tls.VersionTLS13)
	info = binary.NativeEndian.AppendUint16(info, s.cipher)
	info = append(info, iv[s.salt:]...)
	info = append(info, key...)
	info = append(info, iv[:s.salt]...)
	return append(info, make([]byte, 8)...), nil
}

// expandLabel is HKDF-Expand-Label without a context, RFC 8446 §7.1.
func (s *suite) expandLabel(secret []byte, label string, n int) ([]byte, error) {
	if len(secret) != s.hash().Size() {
		return nil, errors.New("the secret is not as long as the suite's hash")
	}
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label...)
	info = append(info, 0)
	return hkdf.Expand(s.hash, secret, string(info), n)
}
