package image

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
)

// console is the serial line of a board: everything it said, and who waits for what.
type console struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed when there is more, and made anew
	file    *os.File      // a copy, for who looks into a failure
}

func newConsole(file *os.File) *console { return &console{changed: make(chan struct{}), file: file} }

// colours are what systemd paints with.
var colours = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\r`)

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(p)
	close(c.changed)
	c.changed = make(chan struct{})
	return c.file.Write(p)
}

func (c *console) said() (string, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return colours.ReplaceAllString(c.text.String(), ""), c.changed
}

// wait returns the first match of pattern; it blocks until there is one or ctx is done.
func (c *console) wait(ctx context.Context, pattern string) (string, error) {
	re := regexp.MustCompile(pattern)
	for {
		text, more := c.said()
		if found := re.FindString(text); found != "" {
			return found, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", fmt.Errorf("the console never said %q; its end is\n%s", pattern, text[max(0, len(text)-4000):])
		}
	}
}
