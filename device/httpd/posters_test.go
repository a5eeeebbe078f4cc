package httpd

import (
	"os"
	"path/filepath"
	"testing"

	"clipd/device/api"
	"clipd/store"
)

// TestMadePoster: a poster that was made comes from its own folder; asking for one that is not there, or
// looking at a page that would show it, asks for it to be made.
func TestMadePoster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.jpg")
	var wanted []store.ID
	b := newBox(t, func(c *Config) {
		c.WantPoster = func(id store.ID) { wanted = append(wanted, id) }
		c.OpenPoster = func(store.ID) (*os.File, os.FileInfo, error) {
			f, err := os.Open(file)
			if err != nil {
				return nil, nil, err
			}
			fi, err := f.Stat()
			return f, fi, err
		}
	})
	c := b.clip("front/a.mp4", content(10))
	address := "/posters/" + c.ID.String() + ".jpg"
	b.get(address).is(t, 404, "not-found")
	if len(wanted) != 1 || wanted[0] != c.ID {
		t.Errorf("asked for: %v", wanted)
	}
	b.get("/").is(t, 200, "")
	if len(wanted) != 2 || wanted[1] != c.ID {
		t.Errorf("asked for after the page was shown: %v", wanted)
	}
	b.must(os.WriteFile(file, []byte("\xff\xd8 picture"), 0o600))
	b.must(b.store.Apply(t.Context(), store.HavePoster(c.ID, true)))
	a := b.get(address).is(t, 200, "")
	a.header(t, "Content-Type", "image/jpeg")
	a.header(t, "Content-Disposition", `inline; filename="`+c.ID.String()+`.jpg"; filename*=UTF-8''`+c.ID.String()+".jpg")
	c.Poster = store.MadePoster
	if api.PosterPath(c) != address {
		t.Errorf("its address is %q", api.PosterPath(c))
	}
	b.must(os.Remove(file))
	b.get(address).is(t, 404, "not-found")
}
