package zip

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// write makes an archive of entries whose bytes body gives.
func write(entries []Entry, body func(Entry) []byte) []byte {
	var b []byte
	var offsets []int64
	for _, e := range entries {
		offsets = append(offsets, int64(len(b)))
		b = append(AppendLocal(b, e), body(e)...)
	}
	directory := int64(len(b))
	for i, e := range entries {
		b = AppendCentral(b, e, offsets[i])
	}
	return AppendEnd(b, len(entries), directory, int64(len(b))-directory)
}

func nothing(Entry) []byte { return nil }

func TestArchiveIsReadByOthers(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	bodies := map[string][]byte{"a/plain.mp4": []byte("one"), "猫/Hof Süd.ts": bytes.Repeat([]byte("two"), 1000), "empty": nil}
	var entries []Entry
	for name, body := range bodies {
		entries = append(entries, Entry{Name: name, Size: int64(len(body)), CRC32: crc32.ChecksumIEEE(body), Modified: time.Date(2026, 2, 28, 23, 59, 59, 0, zone)})
	}
	data := write(entries, func(e Entry) []byte { return bodies[e.Name] })
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in) // the checksum too
		if err != nil || f.Name != entries[i].Name || !bytes.Equal(got, bodies[f.Name]) || f.NonUTF8 {
			t.Errorf("%q: %d bytes, %v, want %q", f.Name, len(got), err, entries[i].Name)
		}
		if !f.Modified.Equal(entries[i].Modified) || f.ModifiedTime != 23<<11|59<<5|29 || f.ModifiedDate != 46<<9|2<<5|28 {
			t.Errorf("%q: modified %v, %x %x", f.Name, f.Modified, f.ModifiedDate, f.ModifiedTime)
		}
		if f.Mode() != 0o644 {
			t.Errorf("%q: mode %v", f.Name, f.Mode())
		}
	}
}

// Each number that 32 or 16 bits cannot hold is found in its ZIP64 field.
func TestNumbersAbove32Bits(t *testing.T) {
	for _, size := range []int64{1<<32 - 2, 1<<32 - 1, 1 << 32, 5 << 40} {
		for _, offset := range []int64{0, 1<<32 - 2, 1<<32 - 1, 7 << 40} {
			e := Entry{Name: "a", Size: size, Modified: time.Unix(1e9, 0)}
			directory := AppendCentral(nil, e, offset)
			tail := AppendEnd(directory, 1, offset, int64(len(directory)))
			all := sparse{at: offset, tail: tail}
			r, err := zip.NewReader(all, offset+int64(len(tail)))
			if err != nil {
				t.Fatalf("size %d, offset %d: %v", size, offset, err)
			}
			if got := r.File[0]; got.UncompressedSize64 != uint64(size) || got.CompressedSize64 != uint64(size) || !got.Modified.Equal(e.Modified) {
				t.Errorf("size %d, offset %d: got %+v", size, offset, got.FileHeader)
			}
			if wide := len(AppendLocal(nil, e)) > 30+1+9; wide != (size >= 1<<32-1) {
				t.Errorf("size %d: ZIP64 in the local record: %v", size, wide)
			}
		}
	}
}

// sparse is zeros up to at, then tail.
type sparse struct {
	at   int64
	tail []byte
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	n := len(p)
	if off < s.at {
		skip := min(s.at-off, int64(n))
		p, off = p[skip:], off+skip
	}
	if len(p) > 0 && copy(p, s.tail[off-s.at:]) < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestMoreEntriesThan16BitsCount(t *testing.T) {
	for _, n := range []int{65534, 65535, 65536, 70000} {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{Name: fmt.Sprint(i), Modified: time.Unix(1e9, 0)}
		}
		data := write(entries, nothing)
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(r.File) != n {
			t.Fatalf("%d entries: %v", n, err)
		}
		name := filepath.Join(t.TempDir(), "a.zip")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		unzip, err := exec.LookPath("unzip")
		if err != nil {
			missing(t)
		}
		if out, err := exec.Command(unzip, "-tqq", name).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%d entries: unzip: %v %s", n, err, out)
		}
	}
}

func missing(t *testing.T) {
	t.Helper()
	const why = "unzip is not installed (Debian: unzip)"
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func TestTimesThatDoNotFit(t *testing.T) {
	for at, want := range map[time.Time][2]uint16{
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC):      {1<<5 | 1, 0},
		time.Date(1980, 1, 1, 0, 0, 2, 0, time.UTC):      {1<<5 | 1, 1},
		time.Date(2107, 12, 31, 23, 59, 59, 0, time.UTC): {127<<9 | 12<<5 | 31, 23<<11 | 59<<5 | 29},
		time.Date(2108, 1, 1, 0, 0, 0, 0, time.UTC):      {127<<9 | 12<<5 | 31, 23<<11 | 59<<5 | 29},
	} {
		if day, clock := dosTime(at); [2]uint16{day, clock} != want {
			t.Errorf("%v: got %x %x, want %x", at, day, clock, want)
		}
	}
	for year, fits := range map[int]bool{1900: false, 1950: true, 2038: true, 2039: false} {
		if got := len(appendTime(nil, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))) > 0; got != fits {
			t.Errorf("%d: extended timestamp: %v, want %v", year, got, fits)
		}
	}
}
