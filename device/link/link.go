// Package link makes and checks the signed links that let whoever holds one fetch one clip or poster until it expires.
// It knows keys, ids and clocks; it opens no file and serves nothing.
package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"clipd/device/clock"
	"clipd/store"
)

// Errors of Check. A forged link and one made with a rotated key look the same.
var (
	ErrBad     = errors.New("link is not valid")
	ErrExpired = errors.New("link has expired")
)

// What a link is for.
type What string

// A link is good for exactly one of these.
const (
	Clip   What = "clip"
	Poster What = "poster"
)

// version is signed too, so that a later format cannot be read as this one.
const version = "1"

// Signer makes and checks links. Safe for concurrent use.
type Signer struct {
	key   atomic.Pointer[[]byte]
	clock clock.Clock
}

// New returns a Signer with key (32 random bytes, state/link-key).
func New(key []byte, c clock.Clock) *Signer {
	s := &Signer{clock: c}
	s.Rotate(key)
	return s
}

// Rotate replaces the key: every link made before is void.
func (s *Signer) Rotate(key []byte) { s.key.Store(&key) }

// Sign returns the query ("exp=…&sig=…") that opens what of id for ttl, and when that ends. While the clock is not
// trusted the expiry counts seconds of this boot, so that a clock set later neither kills the link nor keeps it alive.
func (s *Signer) Sign(what What, id store.ID, ttl time.Duration) (query string, expires time.Time) {
	expires = s.clock.Now().Add(ttl).Truncate(time.Second)
	exp := strconv.FormatInt(expires.Unix(), 10)
	if !s.clock.Synced() {
		exp = s.boot() + "." + strconv.FormatInt(int64((s.clock.Uptime()+ttl)/time.Second), 10)
	}
	return "exp=" + exp + "&sig=" + s.sum(what, id, exp), expires
}

// Check says whether q opens what of id now: nil, ErrExpired or ErrBad. It compares in constant time. left is how
// long the link stays good.
func (s *Signer) Check(what What, id store.ID, q url.Values) (left time.Duration, err error) {
	exp, sig := q.Get("exp"), q.Get("sig")
	if !hmac.Equal([]byte(sig), []byte(s.sum(what, id, exp))) {
		return 0, ErrBad
	}
	left, err = s.left(exp)
	if err == nil && left <= 0 {
		err = ErrExpired
	}
	return left, err
}

func (s *Signer) left(exp string) (time.Duration, error) {
	boot, sec, ofBoot := strings.Cut(exp, ".")
	if !ofBoot {
		sec = exp
	}
	n, err := strconv.ParseInt(sec, 10, 64)
	switch {
	case err != nil:
		return 0, ErrBad
	case !ofBoot:
		return time.Unix(n, 0).Sub(s.clock.Now()), nil
	case boot != s.boot():
		return 0, ErrExpired
	}
	return time.Duration(n)*time.Second - s.clock.Uptime(), nil
}

// boot is the boot id cut to what a URL can afford.
func (s *Signer) boot() string {
	h := sha256.Sum256([]byte(s.clock.Boot))
	return hex.EncodeToString(h[:4])
}

func (s *Signer) sum(what What, id store.ID, exp string) string {
	m := hmac.New(sha256.New, *s.key.Load())
	fmt.Fprintf(m, "clipd %s\n%s\n%s\n%s", version, what, id, exp)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
