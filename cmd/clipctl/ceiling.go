package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// errCeiling is a folder that has reached what it may hold.
var errCeiling = errors.New("--max-size is reached")

// limitSize is a limit in bytes, or in percent of a disk; the zero value is none.
type limitSize struct {
	bytes   int64
	percent int
}

// parseLimit reads "500GB" or "90%".
func parseLimit(s string) (limitSize, error) {
	if digits, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 100 {
			return limitSize{}, fmt.Errorf("%q is no share of a disk; say 90%%", s)
		}
		return limitSize{percent: n}, nil
	}
	n, err := parseSize(s)
	return limitSize{bytes: n}, err
}

// ceiling keeps what a folder holds below a limit. Safe for concurrent use.
type ceiling struct {
	dir   *folder
	limit limitSize

	mu      sync.Mutex
	held    int64 // bytes in the folder when it was measured, and landed since
	waiting int64 // bytes of clips that are on their way
}

// measure adds up what the folder holds, where that is limited.
func (c *ceiling) measure() error {
	if c.limit.bytes == 0 {
		return nil
	}
	return filepath.WalkDir(c.dir.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && path == c.dir.own("") {
			return filepath.SkipDir
		}
		if !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if err == nil {
			c.held += info.Size()
		}
		return err
	})
}

// reserve makes room for a clip of n bytes or says errCeiling.
func (c *ceiling) reserve(n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fits(n); err != nil {
		return err
	}
	c.waiting += n
	return nil
}

func (c *ceiling) fits(n int64) error {
	if c.limit.bytes > 0 && c.held+c.waiting+n > c.limit.bytes {
		return fmt.Errorf("%w: %s holds %s and the next clip has %s", errCeiling, c.dir.dir, size(c.held), size(n))
	}
	if c.limit.percent == 0 {
		return nil
	}
	used, all, err := diskUse(c.dir.dir)
	if err != nil {
		return err
	}
	if used+c.waiting+n > all/100*int64(c.limit.percent) {
		return fmt.Errorf("%w: of the disk of %s, %s of %s are used and the next clip has %s", errCeiling, c.dir.dir, size(used), size(all), size(n))
	}
	return nil
}

// release takes back what reserve gave; landed tells that the clip is there now.
func (c *ceiling) release(n int64, landed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting -= n
	if landed {
		c.held += n
	}
}
