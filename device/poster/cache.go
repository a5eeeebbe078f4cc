package poster

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"clipd/store"
)

// unfinished is the name of the picture that is being made.
const unfinished = "new.jpg"

// block is what a small file takes on disk, and more than what is known of it takes in memory.
const block = 4096

func name(id store.ID) string { return id.String() + ".jpg" }

// cache is the folder of posters that were made, each named by its clip's id. Its methods are safe for concurrent use.
type cache struct {
	dir *os.Root

	mu   sync.Mutex
	kept []kept // the one made first, first
	size int64  // in whole blocks
}

type kept struct {
	id     store.ID
	blocks uint16
}

func (k kept) size() int64 { return int64(k.blocks) * block }

func newKept(id store.ID, size int64) kept { return kept{id, uint16((size + block - 1) / block)} }

// load reads which posters there are, and removes everything else: the folder has no other purpose.
func (c *cache) load() error {
	entries, err := fs.ReadDir(c.dir.FS(), ".")
	if err != nil {
		return err
	}
	made := map[store.ID]time.Time{}
	for _, e := range entries {
		k, at, ok := known(e)
		if !ok {
			_ = c.dir.RemoveAll(e.Name())
			continue
		}
		made[k.id] = at
		c.kept = append(c.kept, k)
		c.size += k.size()
	}
	slices.SortFunc(c.kept, func(a, b kept) int { return made[a.id].Compare(made[b.id]) })
	return nil
}

// known is the poster that the entry e is; an empty one is what a power cut left.
func known(e fs.DirEntry) (k kept, made time.Time, ok bool) {
	stem, jpg := strings.CutSuffix(e.Name(), ".jpg")
	id, err := store.ParseID(stem)
	if err != nil || !jpg {
		return kept{}, time.Time{}, false
	}
	fi, err := e.Info()
	if err != nil || !fi.Mode().IsRegular() || fi.Size() == 0 || fi.Size() > usual.picture {
		return kept{}, time.Time{}, false
	}
	return newKept(id, fi.Size()), fi.ModTime(), true
}

func (c *cache) has(id store.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index(id) >= 0
}

func (c *cache) index(id store.ID) int {
	return slices.IndexFunc(c.kept, func(k kept) bool { return k.id == id })
}

// fits returns how many posters must go so that one more of n bytes leaves the cache within limit.
func (c *cache) fits(n, limit int64) (leave int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for total := c.size + n; total > limit && leave < len(c.kept); leave++ {
		total -= c.kept[leave].size()
	}
	return leave
}

// first is the poster that was made before all others.
func (c *cache) first() store.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[0].id
}

// ids lists the posters there are.
func (c *cache) ids() []store.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]store.ID, len(c.kept))
	for i, k := range c.kept {
		out[i] = k.id
	}
	return out
}

// keep makes the unfinished picture of n bytes the poster of clip id.
func (c *cache) keep(id store.ID, n int64) error {
	if err := c.dir.Rename(unfinished, name(id)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(id)
	k := newKept(id, n)
	c.kept = append(c.kept, k)
	c.size += k.size()
	return nil
}

// drop removes the poster of clip id; having none is no error.
func (c *cache) drop(id store.ID) error {
	c.mu.Lock()
	c.leave(id)
	c.mu.Unlock()
	if err := c.dir.Remove(name(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// forget is drop for a poster whose file is gone already.
func (c *cache) forget(id store.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(id)
}

// leave takes the poster of clip id out of kept.
func (c *cache) leave(id store.ID) {
	if i := c.index(id); i >= 0 {
		c.size -= c.kept[i].size()
		c.kept = slices.Delete(c.kept, i, i+1)
	}
}

// free returns the bytes available in the folder's file system.
func (c *cache) free() (int64, error) {
	d, err := c.dir.Open(".")
	if err != nil {
		return 0, err
	}
	defer d.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
