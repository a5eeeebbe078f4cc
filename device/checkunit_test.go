package device

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADropInIsAskedForWhereTheUnitNeedsOne(t *testing.T) {
	folder := t.TempDir()
	for _, tt := range []struct{ root, dropIn, want string }{
		{"/var/lib/clipd/recordings", "", ""},
		{"/var/lib/clipd", "", ""},
		{"/var/lib/clipd2", "", "ReadWritePaths=-/var/lib\\n"},
		{"/var/lib/motion", "", "ReadWritePaths=-/var/lib\\n"},
		{"/home/pi/videos", "", "ReadWritePaths=-/home/pi\\nProtectHome=no\\n"},
		{"/mnt/disk", "[Service]\nReadWritePaths=-/mnt /srv\n", ""},
		{"/mnt/disk", "[Service]\nReadWritePaths=-/mnt/other\n", "ReadWritePaths=-/mnt\\n"},
	} {
		if err := os.WriteFile(filepath.Join(folder, "a.conf"), []byte(tt.dropIn), 0o600); err != nil {
			t.Fatal(err)
		}
		got := missingDropIn(tt.root, []string{folder})
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s with the drop-in %q: told\n%s\nwant %q", tt.root, tt.dropIn, got, tt.want)
		}
	}
}
