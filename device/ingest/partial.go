package ingest

import (
	"io/fs"

	"clipd/store"
)

// notePartial makes the op that remembers p. news is false where the catalogue says so already; what is news is logged.
func (in *Ingest) notePartial(p store.Partial) (op store.Op, news bool) {
	p.Since = in.Clock.Now()
	if known, err := in.Store.Partial(p.Path); err == nil && known.Reason == p.Reason {
		if known.Size == p.Size && known.Mtime.Equal(p.Mtime) {
			return store.Op{}, false
		}
		p.Since = known.Since
		return store.SetPartial(p), true
	}
	if mayPass(p.Reason) {
		in.suspect.Store(true)
	}
	in.Log.Info("no clip yet: file is partial", "path", p.Path, "reason", p.Reason)
	return store.SetPartial(p), true
}

// staysPartial says whether the file is, as it is now, a partial that no further look will make a clip.
func (in *Ingest) staysPartial(file string, info fs.FileInfo) bool {
	p, err := in.Store.Partial(file)
	return err == nil && !mayPass(p.Reason) && p.Size == info.Size() && p.Mtime.Equal(info.ModTime())
}
