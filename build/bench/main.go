// Command bench measures the figures of the README on the machine it runs on: it starts the program people run
// (bin/clipd) and a real mosquitto, writes real files, and reads what the kernel counts. Each figure is a file of its own.
// It prints Markdown tables and writes the same as JSON.
//
//	make bench            everything, about forty minutes
//	make bench QUICK=1    smaller numbers, about a minute
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// bench is what every figure is given.
type bench struct {
	bin    string // folder of the programs built
	dir    string // scratch, on the disk that is measured; removed at the end
	quick  bool
	sample sample

	trial     string // part of the titles of the trials to go through; "" is in all
	contender string // part of the names of the contenders to try; "" is in all
}

// pick is n, or quick where little time is to be spent.
func (b *bench) pick(n, quick int) int {
	if b.quick {
		return quick
	}
	return n
}

// A figure measures one thing and tells it as tables.
type figure struct {
	name    string
	measure func(context.Context, *bench) ([]table, error)
}

var figures = []figure{
	{"size", binarySize},
	{"latency", closeToMessage},
	{"requests", messageToAnswer},
	{"clips", manyClips}, // scan, idle and bytes written share one root of many files
	{"pages", pages},
	{"dashboard", dashboard}, // in Chromium
	{"archive", archives},
	{"pull", pulls},          // clipctl against the box
	{"transfers", transfers}, // the comparison with other servers
	{"cold", warmAmongCold},
	{"endurance", endurance},
}

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "serve" { // a contender: signals end it
		err = serveAlone(os.Args[2:])
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var b bench
	only := flag.String("only", "", "measure only the figures named, `A,B`")
	out := flag.String("json", "bin/bench.json", "write the tables to `FILE`")
	at := flag.String("dir", "var", "measure on the disk of `DIR`")
	flag.StringVar(&b.bin, "bin", "bin", "`DIR` of the programs to measure")
	flag.StringVar(&b.trial, "trial", "", "of the transfers only the trials that have `TEXT` in their titles")
	flag.StringVar(&b.contender, "contender", "", "of the transfers only the contenders that have `TEXT` in their names")
	flag.BoolVar(&b.quick, "quick", false, "smaller numbers")
	flag.Parse()
	done, err := b.prepare(*at)
	if err != nil {
		return err
	}
	defer done()
	var all []table
	for _, f := range figures {
		if *only != "" && !strings.Contains(","+*only+",", ","+f.name+",") {
			continue
		}
		tables, err := f.measure(ctx, &b)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		for _, t := range tables {
			t.print(os.Stdout)
		}
		all = append(all, tables...)
	}
	return writeJSON(*out, all)
}

// prepare makes the scratch folder and the sample; done removes them.
func (b *bench) prepare(at string) (done func(), err error) {
	if err := os.MkdirAll(at, 0o777); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(at, "bench-"); err != nil {
		return nil, err
	}
	done = func() { os.RemoveAll(b.dir) }
	if b.dir, err = filepath.Abs(b.dir); err == nil {
		b.sample, err = makeSample(b.dir)
	}
	if err != nil {
		done()
	}
	return done, err
}
