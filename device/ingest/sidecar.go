package ingest

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"clipd/device/probe"
	"clipd/store"
)

// sidecarExts are the extensions of files that belong to a clip when their stem is the clip's (07-55-01.jpg) or its
// whole name (07-55-01.mp4.thumb). The first pictures are preferred as posters.
var sidecarExts = []string{".jpg", ".jpeg", ".thumb", ".png", ".webp", ".json", ".gpx", ".srt", ".vtt", ".xml", ".txt"}

// posterExts are the sidecars that hold a JPEG picture.
var posterExts = []string{".jpg", ".jpeg", ".thumb"}

func ext(file string) string { return strings.ToLower(path.Ext(file)) }

// isPicture says whether file is by its name a still picture: a clip of its own only if the box keeps pictures.
func isPicture(file string) bool { return ext(file) == ".jpg" || ext(file) == ".jpeg" }

func isSidecar(file string) bool { return slices.Contains(sidecarExts, ext(file)) }

// isMedia says whether file is by its name one that may become a clip.
func (in *Ingest) isMedia(file string) bool {
	return probe.Known(path.Base(file)) && (in.Pictures || !isPicture(file))
}

func stem(file string) string { return strings.TrimSuffix(file, path.Ext(file)) }

// belongs says whether sidecar is one of clip's; both are paths.
func belongs(sidecar, clip string) bool {
	s := stem(sidecar)
	return sidecar != clip && isSidecar(sidecar) && (s == clip || s == stem(clip)) && !isPicture(clip)
}

// sidecarsOf finds the sidecars that clip has now. It asks for each possible name: a folder may hold a hundred thousand
// files, and this is on the path of a live one.
func (in *Ingest) sidecarsOf(clip string) []string {
	if isPicture(clip) {
		return nil
	}
	var found []string
	for _, base := range []string{stem(clip), clip} {
		for _, e := range sidecarExts {
			if _, err := in.Root.Stat(base + e); err == nil {
				found = append(found, base+e)
			}
		}
	}
	return found
}

// sidecarsAmong is sidecarsOf for an entry of a folder that was listed.
func sidecarsAmong(folder string, entries []fs.DirEntry, i int) []string {
	var found []string
	for _, e := range siblings(entries, i, stem(entries[i].Name())+".") {
		if e.Type().IsRegular() && belongs(e.Name(), entries[i].Name()) {
			found = append(found, path.Join(folder, e.Name()))
		}
	}
	return found
}

// hasOwner says whether the entry of a listed folder is a sidecar of another entry there.
func (in *Ingest) hasOwner(entries []fs.DirEntry, i int) bool {
	name := entries[i].Name()
	return isSidecar(name) && slices.ContainsFunc(siblings(entries, i, stem(name)), func(e fs.DirEntry) bool {
		return in.isMedia(e.Name()) && belongs(name, e.Name())
	})
}

// siblings returns the entries around i, in the order of root.ReadDir, whose names begin with prefix.
func siblings(entries []fs.DirEntry, i int, prefix string) []fs.DirEntry {
	first, end := i, i+1
	for first > 0 && i-first < maxSiblings && strings.HasPrefix(entries[first-1].Name(), prefix) {
		first--
	}
	for end < len(entries) && end-i < maxSiblings && strings.HasPrefix(entries[end].Name(), prefix) {
		end++
	}
	return entries[first:end]
}

// posterAmong picks the sidecar that is the clip's picture, "" if there is none.
func posterAmong(sidecars []string) string {
	for _, e := range posterExts {
		for _, s := range sidecars {
			if ext(s) == e {
				return s
			}
		}
	}
	return ""
}

// ownersOf returns the catalogued clips that sidecar belongs to.
func (in *Ingest) ownersOf(sidecar string) ([]store.Clip, error) {
	known, err := in.Store.PathsFrom(stem(sidecar)+".", maxSiblings)
	if err != nil {
		return nil, err
	}
	known = append(known, store.Known{Path: stem(sidecar)}) // of x.mp4.thumb
	var owners []store.Clip
	for _, k := range known {
		if !belongs(sidecar, k.Path) {
			continue
		}
		c, _, err := in.Store.ClipAt(k.Path)
		if err == nil {
			owners = append(owners, c)
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	return owners, nil
}

// maxSiblings bounds how many files of one stem are looked at, on either side.
const maxSiblings = 32
