package poster

import (
	"fmt"

	"clipd/store"
)

const (
	maxInRow  = 25     // failures one after the other, after which the command is at fault, not the clips
	maxFailed = 10_000 // clips remembered
)

// tries remembers which clips have no poster to be made in this run. The zero value is ready for use.
type tries struct {
	bad   map[store.ID]struct{}
	inRow int
}

// failed reports whether clip id is not to be tried (again).
func (t *tries) failed(id store.ID) bool {
	_, bad := t.bad[id]
	return bad || t.inRow >= maxInRow || len(t.bad) >= maxFailed
}

// remember notes that the poster of c could not be made.
func (m *Maker) remember(c *store.Clip, err error) {
	m.Log.Info("no poster could be made", "clip", c.ID, "path", c.Path, "error", err)
	t := &m.tries
	if t.bad == nil {
		t.bad = map[store.ID]struct{}{}
	}
	t.bad[c.ID] = struct{}{}
	if c.MediaType == jpegType && len(m.Command) == 0 {
		return // pictures without a thumbnail are nobody's fault
	}
	if t.inRow++; t.inRow == maxInRow {
		m.Problem(fmt.Sprintf("poster.command failed for %d clips in a row, so no more posters are made until the next start; "+
			"the last one, %s: %v", maxInRow, c.Path, err))
	}
}
