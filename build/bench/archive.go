package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const archived = 50_000_000 // bytes of a clip in a ZIP

// archives compares a ZIP of 200 clips of 50 MB with one file of the same kind: how fast it comes, and what it costs the
// box in memory. The files are sparse, so that it is not the disk that is measured.
func archives(ctx context.Context, b *bench) (_ []table, err error) {
	dir, n := filepath.Join(b.dir, "archive"), b.pick(200, 20)
	for i := range n {
		if err := b.sample.sparse(filepath.Join(dir, "recordings", "many", fmt.Sprintf("%03d.mp4", i)), archived); err != nil {
			return nil, err
		}
	}
	if err := b.sample.sparse(filepath.Join(dir, "recordings", "one", "large.mp4"), 20*archived); err != nil {
		return nil, err
	}
	x, err := b.startBox(ctx, dir, "none", "[poster]\ncommand = [\"none\"]\n")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	if err := x.settled(ctx, n+1); err != nil {
		return nil, err
	}
	t, err := x.archiveFigures(ctx, n)
	return []table{t}, err
}

func (x *box) archiveFigures(ctx context.Context, n int) (t table, err error) {
	t.Title = fmt.Sprintf("One ZIP of %d clips of 50 MB, over the loopback interface", n)
	large, err := x.one(ctx)
	if err != nil {
		return t, err
	}
	var zips, files []float64
	var more int64
	for range 5 {
		file, err := x.speed(ctx, large)
		if err != nil {
			return t, err
		}
		before, err := anonymous(x.pid)
		if err != nil {
			return t, err
		}
		most := peak(x.pid)
		zip, err := x.speed(ctx, "/archive.zip?camera=many")
		more = max(more, most()-before)
		if err != nil {
			return t, err
		}
		files, zips = append(files, file), append(zips, zip)
	}
	slices.Sort(files)
	slices.Sort(zips)
	file, zip := files[len(files)/2], zips[len(zips)/2]
	t.add("one file of 1 GB", fmt.Sprintf("%.0f MB/s", file/1e6), "")
	t.add("the ZIP", fmt.Sprintf("%.0f MB/s, %.2f of one file", zip/1e6, zip/file), "0.8 of one file")
	t.add("anonymous memory that the ZIP takes more", mb(more), "1 MB")
	return t, nil
}

// one is the path of the large clip's bytes.
func (x *box) one(ctx context.Context) (string, error) {
	var page struct {
		Clips []struct {
			Path string `json:"url_path"`
		} `json:"clips"`
	}
	code, err := x.get(ctx, "/api/v1/clips?camera="+url.QueryEscape("one"), &page)
	if err != nil || code != http.StatusOK || len(page.Clips) != 1 {
		return "", fmt.Errorf("the large clip is not listed: status %d, %w", code, err)
	}
	return page.Clips[0].Path, nil
}

// speed is how many bytes of a path come in a second.
func (x *box) speed(ctx context.Context, path string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.url+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+x.token)
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK || got != res.ContentLength {
		return 0, fmt.Errorf("%s answers %d with %d of %d bytes: %w", path, res.StatusCode, got, res.ContentLength, err)
	}
	return float64(got) / time.Since(began).Seconds(), nil
}

// sparse writes the sample at path, followed by a free box (ISO/IEC 14496-12 §8.1.2) of zeros that takes no room.
func (s sample) sparse(path string, n int64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	head := append(binary.BigEndian.AppendUint32(slices.Clone(s), uint32(n-int64(len(s)))), "free"...)
	return errors.Join(os.WriteFile(path, head, 0o666), os.Truncate(path, n))
}
