package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// FirstAdmin is the name of the token that a new box makes by itself.
const FirstAdmin = "admin"

const (
	tokensFile     = "tokens"
	tokensLock     = "tokens.lock"
	adminTokenFile = "admin-token"

	maxTokens = 1_000
	maxCodes  = 100 // sign-in codes at once; the oldest go first
)

// ErrExists is returned for a second token of the same name.
var ErrExists = errors.New("there is one of that name already")

// Role is what a token may do; each role may do what the ones before it may.
type Role byte

// Roles, in order of power. NoRole is nobody's.
const (
	NoRole Role = iota
	Viewer
	Operator
	Admin
)

var roleNames = [...]string{"none", "viewer", "operator", "admin"}

// String is the role as it stands in requests and files.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role %d", byte(r))
}

// ParseRole reads "viewer", "operator" or "admin".
func ParseRole(s string) (Role, error) {
	for r, name := range roleNames {
		if r > int(NoRole) && s == name {
			return Role(r), nil
		}
	}
	return NoRole, fmt.Errorf("no role is called %.40q: there are viewer, operator and admin", s)
}

// MarshalText is String.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRole.
func (r *Role) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRole(string(b))
	return err
}

// Token is one stored token; the secret itself is not kept.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
}

// digest is the SHA-256 of a secret. A secret is 32 random bytes, so nothing slower is needed to keep it.
type digest [sha256.Size]byte

func (d digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

func (d *digest) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(d) {
		return errors.New("malformed digest")
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// storedToken and storedCode are rows of state/tokens.
type storedToken struct {
	Token
	Secret digest `json:"sha256"`
}

type storedCode struct {
	Name    string    `json:"name"`
	Code    digest    `json:"sha256"`
	Expires time.Time `json:"expires"`
}

// Tokens is state/tokens: JSON with the SHA-256 of each secret and sign-in code. Another process (clipd -add-token) may
// change the file at any time: who changes it holds the flock on state/tokens.lock, and who reads it sees by stat that it
// is another. Safe for concurrent use.
type Tokens struct {
	dir string
	now func() time.Time

	mu   sync.Mutex
	seen fs.FileInfo // of the file that content is of
	content
}

type content struct {
	Tokens []storedToken `json:"tokens"`
	Codes  []storedCode  `json:"codes,omitempty"`
}

// OpenTokens reads state/tokens; when there is none it makes a first admin token and writes its secret to
// state/admin-token (0600). A file that cannot be read is an error, and is never replaced.
func OpenTokens(dir string, now func() time.Time) (*Tokens, error) {
	t := &Tokens{dir: dir, now: now}
	err := t.Reload()
	if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	return t, t.change(func() error {
		if len(t.Tokens) > 0 {
			return nil
		}
		secret := newSecret()
		// The secret first: a crash in between leaves one that opens nothing, and the next start makes another.
		if err := WriteFile(dir, adminTokenFile, []byte(secret+"\n"), 0o600); err != nil {
			return err
		}
		t.keep(FirstAdmin, Admin, secret)
		return nil
	})
}

// newSecret returns 32 random bytes in unpadded base64url.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func digestOf(secret string) digest { return sha256.Sum256([]byte(secret)) }

func (t *Tokens) keep(name string, role Role, secret string) {
	t.Tokens = append(t.Tokens, storedToken{Token{name, role, t.now().UTC().Truncate(time.Second)}, digestOf(secret)})
	slices.SortFunc(t.Tokens, func(a, b storedToken) int { return strings.Compare(a.Name, b.Name) })
}

// Add makes a token and returns its secret, on disk before it returns. ErrExists.
func (t *Tokens) Add(name string, role Role) (secret string, err error) {
	if name == "" || len(name) > 100 || role < Viewer || role > Admin {
		return "", fmt.Errorf("a token has a name of 1 to 100 bytes and a role, not %.120q and %s", name, role)
	}
	secret = newSecret()
	err = t.change(func() error {
		switch {
		case t.find(name) >= 0:
			return fmt.Errorf("token %s: %w", name, ErrExists)
		case len(t.Tokens) >= maxTokens:
			return fmt.Errorf("there are %d tokens already; revoke some", maxTokens)
		}
		t.keep(name, role, secret)
		return nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Revoke removes the token by name, and the sign-in codes made for it. ErrNotFound.
func (t *Tokens) Revoke(name string) error {
	return t.change(func() error {
		i := t.find(name)
		if i < 0 {
			return fmt.Errorf("token %.120s: %w", name, ErrNotFound)
		}
		t.Tokens = slices.Delete(t.Tokens, i, i+1)
		t.Codes = slices.DeleteFunc(t.Codes, func(c storedCode) bool { return c.Name == name })
		return nil
	})
}

func (t *Tokens) find(name string) int {
	return slices.IndexFunc(t.Tokens, func(s storedToken) bool { return s.Name == name })
}

// Check returns the token that secret belongs to. It compares in constant time. ok is false for none. It costs a stat(2)
// of the file, so that what another process added or revoked counts at once.
func (t *Tokens) Check(secret string) (Token, bool) {
	given := digestOf(secret)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh()
	found, ok := Token{}, false
	for i := range t.Tokens {
		if subtle.ConstantTimeCompare(given[:], t.Tokens[i].Secret[:]) == 1 {
			found, ok = t.Tokens[i].Token, true
		}
	}
	return found, ok
}

// List returns the tokens by name.
func (t *Tokens) List() []Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh()
	list := make([]Token, len(t.Tokens))
	for i := range t.Tokens {
		list[i] = t.Tokens[i].Token
	}
	return list
}

// SignIn makes a one-time sign-in code for the named token, valid for ttl; Redeem ends it. Both survive a restart.
// ErrNotFound.
func (t *Tokens) SignIn(name string, ttl time.Duration) (code string, err error) {
	code = newSecret()
	err = t.change(func() error {
		if t.find(name) < 0 {
			return fmt.Errorf("token %.120s: %w", name, ErrNotFound)
		}
		t.expire()
		if len(t.Codes) >= maxCodes {
			t.Codes = slices.Delete(t.Codes, 0, len(t.Codes)-maxCodes+1)
		}
		t.Codes = append(t.Codes, storedCode{name, digestOf(code), t.now().UTC().Add(ttl)})
		return nil
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// Redeem returns the token that code signs in, once. The code is gone from disk before it returns.
func (t *Tokens) Redeem(code string) (Token, bool) {
	given := digestOf(code)
	if !t.holds(given) {
		return Token{}, false // nobody writes to the disk by guessing
	}
	var found Token
	err := t.change(func() error {
		t.expire()
		i := slices.IndexFunc(t.Codes, func(c storedCode) bool { return c.Code == given })
		if i < 0 {
			return ErrNotFound
		}
		token := t.find(t.Codes[i].Name)
		if token < 0 {
			return ErrNotFound
		}
		found = t.Tokens[token].Token
		t.Codes = slices.Delete(t.Codes, i, i+1)
		return nil
	})
	return found, err == nil
}

func (t *Tokens) holds(given digest) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh()
	held := 0
	for i := range t.Codes {
		held |= subtle.ConstantTimeCompare(given[:], t.Codes[i].Code[:])
	}
	return held == 1
}

func (t *Tokens) expire() {
	now := t.now()
	t.Codes = slices.DeleteFunc(t.Codes, func(c storedCode) bool { return !now.Before(c.Expires) })
}

// Reload reads the file again, as another process (clipd -add-token) may have changed it. After an error what was read
// before still counts.
func (t *Tokens) Reload() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read()
}

// refresh reads the file if it is another than the one last read. A file that cannot be read changes nothing.
func (t *Tokens) refresh() {
	info, err := os.Stat(filepath.Join(t.dir, tokensFile))
	if err == nil && !t.same(info) {
		_ = t.read() // Reload tells
	}
}

func (t *Tokens) same(info fs.FileInfo) bool {
	return t.seen != nil && os.SameFile(t.seen, info) && t.seen.ModTime().Equal(info.ModTime()) && t.seen.Size() == info.Size()
}

func (t *Tokens) read() error {
	path := filepath.Join(t.dir, tokensFile)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the tokens: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the tokens: %w", err)
	}
	var c content
	if err := json.NewDecoder(f).Decode(&c); err != nil {
		return fmt.Errorf("reading the tokens: %s is damaged (restore it, or remove it and all tokens with it): %w", path, err)
	}
	t.content, t.seen = c, info
	return nil
}

// change reads the file, lets fn change the content, and writes it, while no other process may.
func (t *Tokens) change(fn func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	lock, err := lockFile(context.Background(), filepath.Join(t.dir, tokensLock), lockTimeout)
	if err != nil {
		return fmt.Errorf("changing the tokens: %w", err)
	}
	defer lock.Close()
	if err := t.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept := content{slices.Clone(t.Tokens), slices.Clone(t.Codes)}
	if err := fn(); err != nil {
		t.content = kept
		return err
	}
	if err := t.save(); err != nil {
		t.content = kept
		return err
	}
	return nil
}

func (t *Tokens) save() error {
	data, err := json.MarshalIndent(t.content, "", "\t")
	if err != nil {
		return err
	}
	if err := WriteFile(t.dir, tokensFile, append(data, '\n'), 0o600); err != nil {
		return err
	}
	t.seen, err = os.Stat(filepath.Join(t.dir, tokensFile))
	return err
}
