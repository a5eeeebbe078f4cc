// Command soak tries for hours what a box must survive: power cuts on a disk that loses, keeps or tears what was not
// flushed, kills at the boundary of a chosen system call, a broker that comes and goes, a disk that is full, catalogues that
// are damaged, and a clock that jumps. It runs the program people run (but for the clock) and holds it against a model of what must be true: whatever was acknowledged is there, nothing
// else is gone, and the box always starts. It prints what it did and found, and a seed that repeats a failure.
//
//	make soak HOURS=8
//	make soak SEED=1234 HOURS=1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// grace is how long what has begun may go on when the hours are over.
const grace = 15 * time.Minute

var errFound = errors.New("the box did not keep what it promises")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	hours := flag.Float64("hours", 1, "go on for so many `HOURS`")
	seed := flag.Uint64("seed", 0, "repeat the campaign of that `SEED`; 0 is a new one")
	program := flag.String("clipd", "bin/clipd", "the `PROGRAM` to try")
	sample := flag.String("sample", "build/sample/sample.mp4", "the recording that recorders write")
	only := flag.String("only", "", "nothing but the `CHAPTER` named")
	start := flag.Duration("start", 10*time.Second, "a start may take so `long`")
	at := flag.String("dir", os.TempDir(), "work in a folder below `DIR`")
	flag.Parse()
	c := &campaign{seed: *seed, start: *start, tell: patience, only: *only, out: os.Stdout}
	if c.seed == 0 {
		c.seed = rand.Uint64()
	}
	var err error
	if c.program, err = filepath.Abs(*program); err != nil {
		return err
	}
	if c.sample, err = os.ReadFile(*sample); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp(*at, "clipd-soak-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	c.until = time.Now().Add(time.Duration(*hours * float64(time.Hour)))
	limited, cancel := context.WithDeadline(ctx, c.until.Add(grace))
	defer cancel()
	return c.run(limited)
}
