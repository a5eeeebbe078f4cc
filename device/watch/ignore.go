package watch

import "strings"

// Ignored says whether a file or folder of this name (one path element) does not exist for clipd: hidden ones, *.tmp
// and *.part, which recorders and copying programs rename when they are done, and ext4's lost+found. A scan must skip the same names.
func Ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".part") || name == "lost+found"
}
