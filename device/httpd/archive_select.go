package httpd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// Of a selection of clips.
const (
	maxNamed     = 500     // ids in an address
	maxArchive   = 100_000 // clips in one archive
	maxSelection = 4 << 20 // bytes of a posted selection
	selectWithin = time.Minute
)

// selected is the clips that r asks for, in the order of the archive, none of them twice.
func (s *Server) selected(w http.ResponseWriter, r *http.Request) (ids []store.ID, err error) {
	switch {
	case r.Method == http.MethodPost:
		ids, err = postedIDs(w, r)
	case r.URL.Query().Has("id"):
		ids, err = namedIDs(r.URL.Query())
	default:
		ids, err = s.matchingIDs(r)
	}
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, api.NewProblem(api.NotFound, "No clips are selected", "Nothing matches, or no id was sent.")
	}
	return ids, once(ids)
}

func namedIDs(values url.Values) ([]store.ID, error) {
	if len(values) > 1 {
		return nil, badRequest("Clips are selected by id and by something else", "Send ids, or the filters of the list, not both.")
	}
	if n := len(values["id"]); n > maxNamed {
		return nil, badRequest(fmt.Sprintf("%d ids are too many for an address", n),
			fmt.Sprintf("At most %d go into one. POST a longer selection.", maxNamed))
	}
	l := &idList{}
	for _, text := range values["id"] {
		if err := l.add(text); err != nil {
			return nil, err
		}
	}
	return l.ids, nil
}

// matchingIDs is the clips that the list would show.
func (s *Server) matchingIDs(r *http.Request) ([]store.ID, error) {
	p := s.query(r, "camera", "from", "to", "pinned", "pushed", "complete", "limit", "order")
	q := clipFilter(p)
	left := int(p.number("limit", 1, maxArchive, maxArchive+1))
	if p.err == nil && len(p.values) == 0 {
		p.fail("No clips are selected", "Send id=… once for each clip, or filters of the list such as camera=… and from=….")
	}
	if p.err != nil {
		return nil, p.err
	}
	l := &idList{}
	for left > 0 {
		q.Limit = min(left, pageRows)
		page, err := s.cfg.Store.List(q)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Clips {
			if err := l.put(c.ID); err != nil {
				return nil, err
			}
		}
		if left -= len(page.Clips); page.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	return l.ids, nil
}

// postedIDs reads {"ids":["…"]}, or a form with id=… for each clip, to its end.
func postedIDs(w http.ResponseWriter, r *http.Request) ([]store.ID, error) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(selectWithin)) // where it cannot be set, nothing is lost but patience
	defer rc.SetReadDeadline(time.Time{})
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	read, l := readJSONIDs, &idList{}
	if kind == "application/x-www-form-urlencoded" {
		read = readFormIDs
	}
	in := http.MaxBytesReader(w, r.Body, maxSelection)
	err := read(in, l)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	var problem *api.Problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &problem):
		return nil, err
	case errors.As(err, &tooLarge):
		return nil, errTooManyClips
	case err != nil:
		return nil, badRequest("The selection cannot be read", `Send {"ids":["…","…"]} as JSON, or a form with id=… for each clip: `+err.Error())
	}
	return l.ids, nil
}

// readJSONIDs takes one id at a time: the whole of a long selection, decoded, is many times its ids.
func readJSONIDs(in io.Reader, l *idList) error {
	d := json.NewDecoder(in)
	for _, want := range []json.Token{json.Delim('{'), "ids", json.Delim('[')} {
		if got, err := d.Token(); err != nil || got != want {
			return errors.Join(fmt.Errorf("%v instead of %v", got, want), err)
		}
	}
	for d.More() {
		var text string
		if err := d.Decode(&text); err != nil {
			return err
		}
		if err := l.add(text); err != nil {
			return err
		}
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if got, err := d.Token(); err != nil || got != want {
			return errors.Join(fmt.Errorf("%v instead of %v", got, want), err)
		}
	}
	return nil
}

func readFormIDs(in io.Reader, l *idList) error {
	fields := bufio.NewScanner(in)
	fields.Split(splitForm)
	for fields.Scan() {
		text, ok := strings.CutPrefix(fields.Text(), "id=")
		if !ok {
			return fmt.Errorf("a field that is not id")
		}
		if err := l.add(text); err != nil {
			return err
		}
	}
	return fields.Err()
}

// splitForm is a bufio.SplitFunc for what & divides.
func splitForm(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '&'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// idList collects ids.
type idList struct{ ids []store.ID }

var errTooManyClips = badRequest("The selection is too long", fmt.Sprintf("An archive has at most %d clips. Select fewer at a time.", maxArchive))

func (l *idList) add(text string) error {
	id, err := store.ParseID(text)
	if err != nil {
		return badRequest("id is malformed", fmt.Sprintf("%.40q is no clip id: that has 16 characters, 0 to 9 and a to v.", text))
	}
	return l.put(id)
}

func (l *idList) put(id store.ID) error {
	if len(l.ids) == maxArchive {
		return errTooManyClips
	}
	l.ids = append(l.ids, id)
	return nil
}

// once refuses a clip that is selected twice.
func once(ids []store.ID) error {
	sorted := slices.Clone(ids)
	slices.SortFunc(sorted, func(a, b store.ID) int { return bytes.Compare(a[:], b[:]) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return badRequest("A clip is selected twice", "Send the id "+sorted[i].String()+" once.")
		}
	}
	return nil
}
