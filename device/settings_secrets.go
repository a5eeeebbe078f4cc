package device

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
)

// secretPrefix begins the names of the files that secrets set over HTTP are kept in, in the state folder.
const secretPrefix = "secret-"

// newSecretName is another one each time, so that undone settings find the secret they had.
func newSecretName() string {
	var b [8]byte
	rand.Read(b[:])
	return secretPrefix + hex.EncodeToString(b[:])
}

// dropSecrets removes the secrets that no settings name any more.
func (s *settings) dropSecrets() {
	dir := s.cfg.State
	var named strings.Builder
	for _, file := range []string{SettingsFile, settingsOld, settingsTrial} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil && !os.IsNotExist(err) {
			return // what cannot be read may name any
		}
		named.Write(text)
	}
	files, _ := filepath.Glob(filepath.Join(dir, secretPrefix+"*"))
	for _, file := range files {
		if strings.Contains(named.String(), filepath.Base(file)) {
			continue
		}
		if err := os.Remove(file); err != nil {
			s.log.Warn("a secret that nothing uses was not removed", "error", err)
		}
	}
}
