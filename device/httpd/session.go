package httpd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"clipd/device/clock"
	"clipd/store"
)

// sessionLife is how long a browser stays signed in.
const sessionLife = 90 * 24 * time.Hour

// sessions are browsers that signed in. The cookie names a token and is signed, so nothing is kept on the box: it
// outlives a restart, and revoking the token ends it.
type sessions struct {
	key    []byte
	cookie string // named after the box: cookies do not tell ports apart, and a host may have several boxes
	tokens *store.Tokens
	clock  clock.Clock
}

// start signs the browser in as t.
func (s sessions) start(w http.ResponseWriter, r *http.Request, t store.Token) {
	s.set(w, r, s.value(t, s.issued()), int(sessionLife/time.Second))
}

// end makes the browser forget.
func (s sessions) end(w http.ResponseWriter, r *http.Request) { s.set(w, r, "", -1) }

func (s sessions) set(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

// issued is now, or 0 while the clock is not trusted: the box then leaves the end to the browser.
func (s sessions) issued() int64 {
	if !s.clock.Synced() {
		return 0
	}
	return s.clock.Now().Unix()
}

// find returns the token the cookie of r stands for. It compares in constant time.
func (s sessions) find(r *http.Request) (store.Token, bool) {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return store.Token{}, false
	}
	name, issued, ok := splitSession(c.Value)
	if !ok || s.expired(issued) {
		return store.Token{}, false
	}
	for _, t := range s.tokens.List() {
		if t.Name == name && hmac.Equal([]byte(c.Value), []byte(s.value(t, issued))) {
			return t, true
		}
	}
	return store.Token{}, false
}

func (s sessions) expired(issued int64) bool {
	return issued > 0 && s.clock.Synced() && s.clock.Now().Sub(time.Unix(issued, 0)) > sessionLife
}

// value is NAME.ISSUED.SIGNATURE; when the token was made is signed too, as a name may be used again.
func (s sessions) value(t store.Token, issued int64) string {
	m := hmac.New(sha256.New, s.key)
	fmt.Fprintf(m, "clipd session 1\n%s\n%d\n%d", t.Name, t.Created.Unix(), issued)
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(t.Name)) + "." + strconv.FormatInt(issued, 10) + "." + e.EncodeToString(m.Sum(nil))
}

func splitSession(value string) (name string, issued int64, ok bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return "", 0, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	issued, err2 := strconv.ParseInt(parts[1], 10, 64)
	return string(raw), issued, err == nil && err2 == nil
}
