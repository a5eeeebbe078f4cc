package store

import (
	"fmt"
	"slices"
)

// minChosen is the shortest secret a person may choose. Secrets are kept under a fast hash, which is right for 32 random
// bytes and too little for a word.
const minChosen = 16

// ErrWeak is returned for a chosen secret that could be guessed.
var ErrWeak = fmt.Errorf("a token of one's own has at least %d characters", minChosen)

// Choose keeps a token whose secret a person chose, in place of one of the same name, whose sign-in codes go with it. It
// is on disk before Choose returns. ErrWeak.
func (t *Tokens) Choose(name string, role Role, secret string) error {
	if len(secret) < minChosen {
		return ErrWeak
	}
	if _, known := t.Check(secret); known {
		return nil
	}
	return t.change(func() error {
		if i := t.find(name); i >= 0 {
			t.Tokens = slices.Delete(t.Tokens, i, i+1)
		}
		t.Codes = slices.DeleteFunc(t.Codes, func(c storedCode) bool { return c.Name == name })
		t.keep(name, role, secret)
		return nil
	})
}

// Opens reports whether code would sign somebody in now; unlike Redeem it leaves it as it is.
func (t *Tokens) Opens(code string) bool {
	given := digestOf(code)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh()
	return slices.ContainsFunc(t.Codes, func(c storedCode) bool { return c.Code == given && t.now().Before(c.Expires) })
}
