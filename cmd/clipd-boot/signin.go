package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"clipd/store"
)

// signInFor is how long a link on the boot partition is good: people take the card out, read it and put it back.
const signInFor = 30 * 24 * time.Hour

// signInFile remembers the link that stands in the log: code, when it ends, the boot it was made in.
const signInFile = "sign-in"

// signIn returns the code of a one-time sign-in link, "" when none is due: somebody chose a token, or signed in with the
// link of this boot already. An unused link stays the same over boots.
func (b *boot) signIn() (code string, err error) {
	err = b.asBox(func() error {
		code, err = b.signInCode()
		return err
	})
	return code, err
}

func (b *boot) signInCode() (string, error) {
	tokens, err := store.OpenTokens(b.at(stateDir), b.now)
	if err != nil {
		return "", err
	}
	if all := tokens.List(); len(all) != 1 || all[0].Name != store.FirstAdmin {
		return "", nil
	}
	bootID := line("/proc/sys/kernel/random/boot_id")
	code, ends, made := b.noted()
	switch {
	case tokens.Opens(code):
		return code, nil
	case made == bootID && b.now().Before(ends):
		return "", nil // used
	}
	if code, err = tokens.SignIn(store.FirstAdmin, signInFor); errors.Is(err, store.ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	note := fmt.Sprintf("%s %d %s\n", code, b.now().Add(signInFor).Unix(), bootID)
	return code, store.WriteFile(b.at(stateDir), signInFile, []byte(note), 0o600)
}

// noted reads the link made before; everything is zero where there is none.
func (b *boot) noted() (code string, ends time.Time, bootID string) {
	var unix int64
	if _, err := fmt.Sscan(line(filepath.Join(b.at(stateDir), signInFile)), &code, &unix, &bootID); err != nil {
		return "", time.Time{}, ""
	}
	return code, time.Unix(unix, 0), bootID
}

// brokerPassword is shown beside a sign-in link: whoever may sign in as the first admin may know it.
func (b *boot) brokerPassword() string {
	text, err := read(filepath.Join(b.at(stateDir), "mqtt-password"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return strings.TrimSpace(text)
}
