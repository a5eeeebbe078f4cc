package root

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReadDir returns the entries of the folder at path ("" is the root itself), sorted so that a walk that descends in this
// order meets files in byte order of their whole paths: a folder sorts as its name with a slash behind it.
// fs.ErrNotExist, ErrNotRegular (it is no folder), ErrAway. An entry's Info goes by path; Stat is the safe one.
func (r *Root) ReadDir(path string) ([]fs.DirEntry, error) {
	entries, err := r.readDir(path)
	if err != nil {
		return nil, explain("list", path, err)
	}
	slices.SortFunc(entries, byPath)
	return entries, nil
}

func (r *Root) readDir(path string) ([]fs.DirEntry, error) {
	if path != "" && !beneath(path) {
		return nil, ErrNotRegular
	}
	fd, err := r.folder(path)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), filepath.Join(r.dir, path))
	defer f.Close()
	return f.ReadDir(-1)
}

func byPath(a, b fs.DirEntry) int {
	an, bn := a.Name(), b.Name()
	n := min(len(an), len(bn))
	if c := strings.Compare(an[:n], bn[:n]); c != 0 {
		return c
	}
	return int(byteAt(a, n)) - int(byteAt(b, n))
}

// byteAt is the byte at n of e's name as it stands in a longer path; 0 is its end.
func byteAt(e fs.DirEntry, n int) byte {
	switch name := e.Name(); {
	case n < len(name):
		return name[n]
	case e.IsDir():
		return '/'
	}
	return 0
}
