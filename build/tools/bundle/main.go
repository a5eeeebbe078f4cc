// Command bundle makes what browsers load out of the sources of the dashboard: it bundles and minifies device/httpd/web/src
// with esbuild and leaves the results, compressed, in device/httpd/web/dist, where the daemon embeds them. The results are
// committed, so that go build needs nothing else. With -check it writes nothing and fails if they are not up to date.
//
//	go -C build/tools run ./bundle [-check] FOLDER
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	log.SetFlags(0)
	check := flag.Bool("check", false, "fail if the committed bundles are not up to date")
	flag.Parse()
	if err := run(flag.Arg(0), *check); err != nil {
		log.Fatal(err)
	}
}

func run(folder string, check bool) error {
	files, err := bundle(filepath.Join(folder, "src"))
	if err != nil {
		return err
	}
	sum, err := sources(filepath.Join(folder, "src"))
	if err != nil {
		return err
	}
	dist := filepath.Join(folder, "dist")
	if check {
		return compare(dist, files, sum)
	}
	return write(dist, files, sum)
}

// bundle returns the results by name: one for each file in src/entry, with what that imports.
func bundle(src string) (map[string][]byte, error) {
	entries, err := filepath.Glob(filepath.Join(src, "entry", "*"))
	if err != nil {
		return nil, fmt.Errorf("list the entries: %w", err)
	}
	r := api.Build(api.BuildOptions{
		EntryPoints: entries, Bundle: true, Outdir: "out", Format: api.FormatESModule, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, LegalComments: api.LegalCommentsNone,
		Target: api.ESNext, LogLevel: api.LogLevelWarning,
	})
	if len(r.Errors) > 0 {
		return nil, errors.New("esbuild found errors in " + src)
	}
	files := map[string][]byte{}
	for _, f := range r.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	return files, nil
}

// sources is a digest of everything beneath src; a test of the embedding package compares it with its own.
func sources(src string) ([]byte, error) {
	h := sha256.New()
	err := filepath.WalkDir(src, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(src, path)
		fmt.Fprintf(h, "%s %d\n%s", filepath.ToSlash(name), len(text), text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", src, err)
	}
	return fmt.Appendf(nil, "%x\n", h.Sum(nil)), nil
}

func write(dist string, files map[string][]byte, sum []byte) error {
	if err := os.RemoveAll(dist); err != nil {
		return fmt.Errorf("empty %s: %w", dist, err)
	}
	if err := os.Mkdir(dist, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dist, err)
	}
	all := 0
	for name, text := range files {
		packed, err := pack(text)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dist, name+".gz"), packed, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		all += len(packed)
		fmt.Printf("%-16s %6d bytes, %6d compressed\n", name, len(text), len(packed))
	}
	fmt.Printf("%-16s %6s        %6d compressed\n", "in all", "", all)
	return os.WriteFile(filepath.Join(dist, "sources.sha256"), sum, 0o644)
}

func pack(text []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

// compare unpacks what is there: two releases of Go may compress differently.
func compare(dist string, files map[string][]byte, sum []byte) error {
	for name, text := range files {
		there, err := unpack(filepath.Join(dist, name+".gz"))
		if err != nil || !bytes.Equal(there, text) {
			return fmt.Errorf("%s is not what its sources make: run make web and commit the result (%v)", name, err)
		}
	}
	there, err := os.ReadFile(filepath.Join(dist, "sources.sha256"))
	if err != nil || !bytes.Equal(there, sum) {
		return fmt.Errorf("the bundles are older than their sources: run make web and commit the result (%v)", err)
	}
	return nil
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
