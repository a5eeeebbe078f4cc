package image

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	cardSize = 4 << 30 // a power of two, as qemu wants cards to be
	fatAt    = "@@4M"  // genimage.cfg
	sector   = 512
)

// imagePath is what `make image` built.
var imagePath = filepath.Join("..", "..", "bin", "image", "clipd-arm64.img")

// card is a copy of the image on a card of its own.
type card struct {
	t    *testing.T
	path string
}

// newCard skips the test where it was not asked for.
func newCard(t *testing.T) *card {
	t.Helper()
	if os.Getenv("IMAGE") == "" {
		t.Skip("it takes minutes: make image-test runs it")
	}
	for _, p := range []string{"qemu-system-aarch64", "mcopy", "ssh", "ssh-keygen", "mosquitto", "mosquitto_sub", "mosquitto_rr", "fdtput"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%s is not installed; build/deps.sh image installs it", p)
		}
	}
	c := &card{t, filepath.Join(t.TempDir(), "card.img")}
	c.flash()
	if err := os.Truncate(c.path, cardSize); err != nil {
		t.Fatal(err)
	}
	return c
}

// flash writes the image onto the card, as Imager does: what is behind its end stays.
func (c *card) flash() {
	c.t.Helper()
	run(c.t, "dd", "if="+imagePath, "of="+c.path, "bs=1M", "conv=notrunc,sparse", "status=none")
}

// copy is the card that a copying machine makes.
func (c *card) copy() *card {
	c.t.Helper()
	other := &card{c.t, c.path + ".copy"}
	run(c.t, "cp", "--sparse=always", c.path, other.path)
	return other
}

// put writes a file onto the boot partition.
func (c *card) put(name, text string) {
	c.t.Helper()
	from := filepath.Join(c.t.TempDir(), "file")
	if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	run(c.t, "mcopy", "-o", "-i", c.path+fatAt, from, "::"+name)
}

// get reads a file of the boot partition.
func (c *card) get(name string) string {
	c.t.Helper()
	return run(c.t, "mcopy", "-n", "-i", c.path+fatAt, "::"+name, "-")
}

// list names the files of the boot partition.
func (c *card) list() []string {
	c.t.Helper()
	return strings.Fields(strings.ReplaceAll(run(c.t, "mdir", "-b", "-i", c.path+fatAt, "::"), "::/", ""))
}

func (c *card) has(name string) bool {
	for _, n := range c.list() {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// extract copies the first file whose name begins with prefix out of the boot partition.
func (c *card) extract(prefix string) string {
	c.t.Helper()
	for _, n := range c.list() {
		if strings.HasPrefix(n, prefix) {
			to := filepath.Join(c.t.TempDir(), n)
			run(c.t, "mcopy", "-n", "-i", c.path+fatAt, "::"+n, to)
			return to
		}
	}
	c.t.Fatalf("no %s* on the boot partition, only %q", prefix, c.list())
	return ""
}

// rootSum is the checksum of the root partition, the second of the partition table.
func rootSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entry := make([]byte, 16)
	if _, err := f.ReadAt(entry, 0x1be+16); err != nil {
		t.Fatal(err)
	}
	start, size := binary.LittleEndian.Uint32(entry[8:]), binary.LittleEndian.Uint32(entry[12:])
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(f, int64(start)*sector, int64(size)*sector)); err != nil || n == 0 {
		t.Fatalf("read the root partition: %d bytes, %v", n, err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// run runs a program of this machine and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, said.String())
	}
	return string(out)
}
