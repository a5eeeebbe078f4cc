// Package web is what people see in a browser: templates and the style sheet, embedded. It knows nothing of requests
// or the catalogue: it is given what to show, as the types below, and html/template escapes every word of it.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html style.css icon.svg
var files embed.FS

var pages = template.Must(template.ParseFS(files, "page.html"))

// Policy is the Content-Security-Policy of every page: nothing inline, nothing from elsewhere.
const Policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// Asset is one embedded file. Its address changes with its content, so it may be cached for ever.
type Asset struct {
	Name, MediaType string
	Content         []byte
}

// Style and Icon are what the pages load.
var (
	Style = asset("style.css", "text/css; charset=utf-8")
	Icon  = asset("icon.svg", "image/svg+xml")
)

func asset(file, mediaType string) Asset {
	content, err := files.ReadFile(file)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(content)
	return Asset{hex.EncodeToString(sum[:6]) + "-" + file, mediaType, content}
}

// Path is where the asset is, relative to the page at /.
func (a Asset) Path() string { return "web/" + a.Name }

// Page is what every page has; Write fills in Style and Icon. Exactly one of the pointers is set: it says which page it is.
type Page struct {
	Box      string // what people call it
	Title    string
	Root     string // the page at / relative to this one: "./", "../../"
	Style    string // addresses relative to Root
	Icon     string
	Refresh  int // seconds; 0 for never
	SignedIn bool

	Clips   *Clips
	Player  *Player
	SignIn  *SignIn
	Problem *Problem
}

// Clips is the list, newest first, in days.
type Clips struct {
	Summary string // "1,204 clips, 31 GB"
	Notice  string // what is wrong or under way; "" for nothing
	Cameras []Choice
	Days    []Day
	Folder  string // where recordings go, shown while there are none
	Older   string // address of the next piece; "" at the end
	Newest  string // address of the first piece; "" when this is it
}

// Choice is one camera to filter by.
type Choice struct {
	Name, Address string
	Chosen        bool
}

// Day is the clips of one day where the box is.
type Day struct {
	Name  string
	Clips []Clip
}

// Clip is one clip in words.
type Clip struct {
	Camera   string
	Time     string // of day
	When     string // RFC 3339
	Length   string
	Size     string
	Poster   string // address; "" if there is none
	Play     string // address of its player
	Bytes    string // address of the file
	Download string
	Name     string // of the file
	Details  string // picture size, codecs
	Pinned   bool
	CutOff   bool
	IsVideo  bool
}

// Player shows one clip.
type Player struct {
	Clip         Clip
	Day          string
	Newer, Older string // addresses; "" if there is none
	Back         string
}

// SignIn asks for a token.
type SignIn struct{ Problem string }

// Problem says what went wrong.
type Problem struct {
	Status        int
	Title, Detail string
}

// Write writes p as HTML.
func (p Page) Write(out io.Writer) error {
	p.Style, p.Icon = Style.Path(), Icon.Path()
	if err := pages.ExecuteTemplate(out, "page", p); err != nil {
		return fmt.Errorf("write the page %q: %w", p.Title, err)
	}
	return nil
}
