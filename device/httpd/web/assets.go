package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"
)

//go:generate go -C ../../../build/tools run ./bundle ../../device/httpd/web

//go:embed dist/*.gz
var dist embed.FS

//go:embed icon.svg
var icon []byte

// Asset is one file that pages load. Its address changes with its content, so it may be cached for ever.
type Asset struct {
	Name, MediaType string
	Gzip            []byte // the content, compressed; nil: Plain has it
	Plain           []byte
}

// assets is every file there is, by what the pages call it.
var assets = load()

func load() map[string]Asset {
	all := map[string]Asset{"icon.svg": {Name: hashed("icon.svg", icon), MediaType: "image/svg+xml", Plain: icon}}
	files, err := dist.ReadDir("dist")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, f := range files {
		packed, err := dist.ReadFile("dist/" + f.Name())
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(f.Name(), ".gz")
		all[name] = Asset{Name: hashed(name, packed), MediaType: mediaTypes[path.Ext(name)], Gzip: packed}
	}
	return all
}

var mediaTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

func hashed(name string, content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6]) + "-" + name
}

// Find is the asset whose Name is name.
func Find(name string) (Asset, bool) {
	_, short, _ := strings.Cut(name, "-")
	a, ok := assets[short]
	return a, ok && a.Name == name
}

// Content unpacks the asset for who takes no gzip.
func (a Asset) Content() ([]byte, error) {
	if a.Gzip == nil {
		return a.Plain, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(a.Gzip))
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", a.Name, err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", a.Name, err)
	}
	return plain, nil
}

// Address is the address of the file that pages call name, relative to the page at /. There must be one.
func Address(name string) string {
	a, ok := assets[name]
	if !ok {
		panic("web: there is no asset " + name)
	}
	return "web/" + a.Name
}
