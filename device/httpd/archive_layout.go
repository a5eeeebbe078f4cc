package httpd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io/fs"
	"slices"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/httpd/zip"
	"clipd/device/root"
	"clipd/store"
)

// archive is the layout of one ZIP: which clips, and where each begins. Its records are made from the catalogue when they
// are sent, and again for the next client; here they are only summed up. It takes 15 bytes for each clip and is shared by all who
// fetch it. It does not change once it is laid out.
type archive struct {
	catalogue *store.Store
	root      *root.Root
	zone      *time.Location

	ids   []store.ID
	sums  []uint32 // CRC-32 of each clip's local record: the catalogue may say something else by now
	twins []uint64 // a bit for each clip whose name another one has too
	marks []mark   // of each perMark-th clip

	directory int64 // where it begins
	end       int64 // where it ends
	size      int64
	etag      string // quoted; strong: it covers every record, and each id what its file holds
	users     int    // archives.mu
}

// mark is where the local and the central record of a clip begin.
type mark struct{ local, central int64 }

const perMark = 16

// errChanged ends a transfer of an archive: what comes would not fit what was sent.
var errChanged = errors.New("the catalogue says something else of the clip than before")

func (a *archive) isTwin(i int) bool { return a.twins[i/64]>>(i%64)&1 == 1 }

// find reads what the catalogue has on the i-th clip.
func (a *archive) find(i int) (store.Clip, error) {
	c, _, err := a.catalogue.Clip(a.ids[i])
	if errors.Is(err, store.ErrNotFound) {
		err = api.NewProblem(api.NotFound, "No clip "+a.ids[i].String(), "It was deleted, or never was on this box.")
	}
	return c, err
}

func (a *archive) entry(c store.Clip, i int) zip.Entry {
	return zip.Entry{Name: nameOf(c, a.zone, a.isTwin(i)), Size: c.Size, CRC32: c.CRC32, Modified: c.Mtime.In(a.zone)}
}

// lay finds out everything that must be known before the first byte. It reads each row twice, as names are known only
// when all are.
func (a *archive) lay(ctx context.Context) error {
	a.sums = make([]uint32, len(a.ids))
	a.twins = make([]uint64, (len(a.ids)+63)/64)
	a.marks = make([]mark, 0, (len(a.ids)+perMark-1)/perMark)
	if err := a.findTwins(ctx); err != nil {
		return err
	}
	tag := sha256.New()
	var at, central int64
	var record []byte
	for i, id := range a.ids {
		c, err := a.find(i)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if i%perMark == 0 {
			a.marks = append(a.marks, mark{at, central})
		}
		e := a.entry(c, i)
		record = zip.AppendLocal(record[:0], e)
		a.sums[i] = crc32.ChecksumIEEE(record)
		tag.Write(id[:])
		tag.Write(record)
		offset := at
		at += int64(len(record)) + c.Size
		record = zip.AppendCentral(record[:0], e, offset)
		central += int64(len(record))
	}
	for i := range a.marks {
		a.marks[i].central += at
	}
	a.directory, a.end = at, at+central
	a.size = a.end + int64(len(zip.AppendEnd(nil, len(a.ids), at, central)))
	a.etag = `"` + hex.EncodeToString(tag.Sum(nil)[:16]) + `"`
	return nil
}

// findTwins looks at every clip and its file, and notes which have the same name on a system that does not tell A from a.
// Two different names with one hash would be noted too, which does no harm.
func (a *archive) findTwins(ctx context.Context) error {
	names := make([]uint64, len(a.ids))
	for i := range a.ids {
		c, err := a.find(i)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := a.check(c); err != nil {
			return err
		}
		h := fnv.New64a()
		h.Write([]byte(strings.ToLower(nameOf(c, a.zone, false))))
		names[i] = h.Sum64()
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	for i, name := range names {
		if at, _ := slices.BinarySearch(sorted, name); at+1 < len(sorted) && sorted[at+1] == name {
			a.twins[i/64] |= 1 << (i % 64)
		}
	}
	return nil
}

// check refuses a clip that cannot be delivered.
func (a *archive) check(c store.Clip) error {
	if !c.Hashed {
		return api.NewProblem(api.NotHashed, "A clip has no checksum yet, which a ZIP needs",
			"Clip "+c.ID.String()+" is still being read, or hash is none in the configuration. Fetch it by itself.")
	}
	fi, err := a.root.Stat(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, root.ErrNotRegular):
		return goneFrom(c)
	case err != nil:
		return fmt.Errorf("look at clip %s: %w", c.ID, err)
	case fi.Size() != c.Size || !fi.ModTime().Equal(c.Mtime):
		return goneFrom(c)
	}
	return nil
}

func goneFrom(c store.Clip) error {
	return api.NewProblem(api.Gone, errGone.Title, "It is clip "+c.ID.String()+". Leave it out, or list the clips again.")
}
