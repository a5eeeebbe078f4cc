package store

// The small files beside the catalogue, being written: what people decided survives its loss.

import "time"

// Role is what a token may do; each role may do what the ones before it may.
type Role byte

// Roles, in order of power. NoRole is nobody's.
const (
	NoRole Role = iota
	Viewer
	Operator
	Admin
)

// Token is one stored token; the secret itself is not kept.
type Token struct {
	Name    string
	Role    Role
	Created time.Time
}

// Tokens is state/tokens. Safe for concurrent use.
type Tokens struct{}

// OpenTokens reads state/tokens; when there is none it makes a first admin token and writes its secret to
// state/admin-token (0600).
func OpenTokens(dir string, now func() time.Time) (*Tokens, error) { panic("store") }

// Add makes a token and returns its secret, on disk before it returns.
func (t *Tokens) Add(name string, role Role) (secret string, err error) { panic("store") }

// Revoke removes the token by name. ErrNotFound.
func (t *Tokens) Revoke(name string) error { panic("store") }

// Check returns the token that secret belongs to. It compares in constant time. ok is false for none.
func (t *Tokens) Check(secret string) (Token, bool) { panic("store") }

// List returns the tokens by name.
func (t *Tokens) List() []Token { panic("store") }

// Reload reads the file again, as another process (clipd -add-token) may have changed it.
func (t *Tokens) Reload() error { panic("store") }

// SignIn makes a one-time sign-in code for the named token, valid for ttl; Redeem ends it. Both survive a restart.
func (t *Tokens) SignIn(name string, ttl time.Duration) (code string, err error) { panic("store") }

// Redeem returns the token that code signs in, once. The code is gone from disk before it returns.
func (t *Tokens) Redeem(code string) (Token, bool) { panic("store") }

// LinkKey reads (or makes) state/link-key, 32 random bytes.
func LinkKey(dir string) ([]byte, error) { panic("store") }

// RotateLinkKey replaces state/link-key: every link handed out is void.
func RotateLinkKey(dir string) ([]byte, error) { panic("store") }

// BoxID reads (or makes) state/box-id: 12 random hex digits, made again when serial (the board's, "" if it has none) is
// not the one noted beside it. cloned tells that it was.
func BoxID(dir, serial string) (id string, cloned bool, err error) { panic("store") }

// WriteFile replaces the file name in dir atomically: temporary name, fsync, rename, fsync of the folder.
func WriteFile(dir, name string, data []byte, mode uint32) error { panic("store") }
