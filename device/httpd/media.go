package httpd

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// clipBytes answers with the bytes of a clip. {name} in the address is there for people.
func (s *Server) clipBytes(w http.ResponseWriter, r *http.Request, as caller) error {
	c, err := s.find(r)
	if err != nil {
		return err
	}
	f, fi, err := s.open(c.Path)
	if err != nil {
		return fmt.Errorf("open clip %s: %w", c.ID, err)
	}
	if fi.Size() != c.Size || !fi.ModTime().Equal(c.Mtime) {
		f.Close()
		return errGone
	}
	return s.send(w, r, f, c.ID, ofClip(c, as))
}

// open opens a file beneath the root, a few at once: each that waits for the disk holds a thread of the system.
func (s *Server) open(path string) (*os.File, os.FileInfo, error) {
	s.opening <- struct{}{}
	defer func() { <-s.opening }()
	return s.cfg.Root.Open(path)
}

func ofClip(c store.Clip, as caller) representation {
	rep := representation{
		name: path.Base(c.Path), mediaType: c.MediaType, etag: `"` + c.ID.String() + `"`,
		caching: as.caching(365*24*time.Hour, ", immutable"), modified: c.Mtime, size: c.Size,
	}
	if rep.mediaType == "" { // seen, not yet probed
		rep.mediaType = guessType(c.Path)
	}
	if c.Hashed {
		rep.digest = "sha-256=:" + base64.StdEncoding.EncodeToString(c.SHA256[:]) + ":"
	}
	return rep
}

// posterBytes answers with the picture of a clip. A poster is no clip: it may be replaced, so it is not immutable.
func (s *Server) posterBytes(w http.ResponseWriter, r *http.Request, as caller) error {
	if !strings.HasSuffix(r.PathValue("id"), ".jpg") {
		return api.NewProblem(api.NotFound, "There is nothing at this address", "Posters are at /posters/ID.jpg.")
	}
	c, err := s.find(r)
	if err != nil {
		return err
	}
	f, fi, err := s.openPoster(c)
	if err != nil {
		return fmt.Errorf("open the poster of clip %s: %w", c.ID, err)
	}
	return s.send(w, r, f, c.ID, ofPoster(c, fi, as))
}

// openPoster opens c's poster. Whoever asks for one that is not there makes the box try to make it.
func (s *Server) openPoster(c store.Clip) (*os.File, os.FileInfo, error) {
	switch c.Poster {
	case "":
		s.cfg.WantPoster(c.ID)
		return nil, nil, errNoPoster
	case store.MadePoster:
		f, fi, err := s.cfg.OpenPoster(c.ID)
		if errors.Is(err, fs.ErrNotExist) {
			err = errNoPoster
		}
		return f, fi, err
	}
	return s.open(c.Poster)
}

var errNoPoster = api.NewProblem(api.NotFound, "This clip has no poster", "Its recorder or clipd did not make one (yet).")

func ofPoster(c store.Clip, fi os.FileInfo, as caller) representation {
	name := path.Base(c.Poster)
	if c.Poster == store.MadePoster {
		name = c.ID.String() + ".jpg"
	}
	return representation{
		name: name, mediaType: "image/jpeg",
		etag:    fmt.Sprintf(`"%s-%x-%x"`, c.ID, fi.ModTime().UnixNano(), fi.Size()),
		caching: as.caching(time.Hour, ""), modified: fi.ModTime(), size: fi.Size(),
	}
}

// caching is private for who has a token; what a signed link opens is everybody's who holds it, until it expires.
func (as caller) caching(atMost time.Duration, more string) string {
	if as.left > 0 {
		return "public, max-age=" + seconds(min(as.left, atMost)) + more
	}
	return "private, max-age=" + seconds(atMost) + more
}

func seconds(d time.Duration) string { return itoa(int64(d / time.Second)) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// mediaTypes are of files whose container has not been read yet.
var mediaTypes = map[string]string{
	".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".ts": "video/mp2t", ".mts": "video/mp2t",
	".mkv": "video/x-matroska", ".webm": "video/webm", ".avi": "video/x-msvideo",
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".h264": "video/h264", ".h265": "video/h265",
}

func guessType(name string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}

// disposition is Content-Disposition with the name twice: in ASCII for old clients, and as it is (RFC 6266 §4.3,
// RFC 8187 §3.2).
func disposition(name string, download bool) string {
	kind := "inline"
	if download {
		kind = "attachment"
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	return kind + `; filename="` + strings.Map(plainRune, name) + `"; filename*=UTF-8''` + percent(name)
}

// plainRune replaces what a quoted-string cannot hold, and % which some clients would decode.
func plainRune(c rune) rune {
	if c < ' ' || c > '~' || strings.ContainsRune(`"\%`, c) {
		return '_'
	}
	return c
}

// percent leaves only the attr-char of RFC 8187 §3.2.1 as they are.
func percent(name string) string {
	var out strings.Builder
	for _, b := range []byte(name) {
		if '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z' || strings.IndexByte("!#$&+-.^_`|~", b) >= 0 {
			out.WriteByte(b)
			continue
		}
		fmt.Fprintf(&out, "%%%02X", b)
	}
	return out.String()
}
