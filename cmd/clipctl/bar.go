package main

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar shows one download to people. A nil bar shows nothing.
type bar struct {
	all *mpb.Progress
	one *mpb.Bar
}

// newBar draws on w if that is a terminal. The caller ends it with done.
func newBar(w io.Writer, name string, total int64) *bar {
	f, ok := w.(*os.File)
	if !ok || !cwriter.IsTerminal(int(f.Fd())) {
		return nil
	}
	all := mpb.New(mpb.WithOutput(f))
	one := all.AddBar(total, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name+" "), decor.CountersKiloByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1000(0), "% .1f"), decor.Name(", "), decor.AverageETA(decor.ET_STYLE_GO)))
	return &bar{all, one}
}

// at moves the bar to n bytes of the total.
func (b *bar) at(n int64) {
	if b != nil {
		b.one.SetCurrent(n)
	}
}

// add moves the bar on by n bytes.
func (b *bar) add(n int) {
	if b != nil {
		b.one.IncrBy(n)
	}
}

// done takes the bar away; it blocks until the terminal is clean.
func (b *bar) done() {
	if b != nil {
		b.one.Abort(true)
		b.all.Wait()
	}
}
