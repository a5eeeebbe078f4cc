package web

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What browsers may have to load, compressed.
const (
	budget      = 40_000 // for everything
	pagesBudget = 28_000 // without the administration's pages
)

func TestAssetsStayInTheirBudget(t *testing.T) {
	all, pages := 0, 0
	for name, a := range assets {
		n := len(a.Gzip) + len(a.Plain)
		all += n
		if !strings.HasPrefix(name, "admin.") {
			pages += n
		}
	}
	if all > budget || pages > pagesBudget {
		t.Errorf("%d bytes for everything, %d without administration; at most %d and %d", all, pages, budget, pagesBudget)
	}
	t.Logf("%d bytes, compressed; %d without administration", all, pages)
}

// The digest is made by build/tools/bundle; make check also bundles again and compares.
func TestAssetsAreNotOlderThanTheirSources(t *testing.T) {
	h := sha256.New()
	err := fs.WalkDir(os.DirFS("src"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join("src", path))
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadFile("dist/sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x\n", h.Sum(nil)); string(there) != want {
		t.Error("dist is older than src: run make web and commit the result")
	}
}

// elsewhere are addresses of other hosts: the pages work in a house without internet.
var elsewhere = regexp.MustCompile(`(?:https?:)?//[\w-]+\.[\w.-]+|@import|\beval\(|new Function\(|innerHTML|insertAdjacentHTML|document\.write`)

func TestAssetsAskNobodyElseAndParseNoMarkup(t *testing.T) {
	for name, a := range assets {
		text, err := a.Content()
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
		if found := elsewhere.FindString(plain); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
	if len(assets) < 3 {
		t.Errorf("there are %d assets", len(assets))
	}
}

func TestAssetsAreFoundByTheirHash(t *testing.T) {
	for _, a := range assets {
		if found, ok := Find(a.Name); !ok || found.Name != a.Name {
			t.Errorf("%s is not found", a.Name)
		}
	}
	for _, name := range []string{"", "style.css", "000000000000-style.css", "-", "../dist/style.css.gz"} {
		if _, ok := Find(name); ok {
			t.Errorf("%q is found", name)
		}
	}
}
