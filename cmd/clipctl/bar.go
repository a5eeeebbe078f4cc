package main

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars show downloads to people. Nil bars show nothing. Safe for concurrent use.
type bars struct{ all *mpb.Progress }

// newBars draws on w if that is a terminal. The caller ends it with done.
func newBars(w io.Writer) *bars {
	f, ok := w.(*os.File)
	if !ok || !cwriter.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &bars{mpb.New(mpb.WithOutput(f))}
}

// add shows one more download. The caller ends it with done.
func (b *bars) add(name string, total int64) *bar {
	if b == nil {
		return nil
	}
	return &bar{b.all.AddBar(total, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(printable(name)+" "), decor.CountersKiloByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1000(0), "% .1f"), decor.Name(", "), decor.AverageETA(decor.ET_STYLE_GO)))}
}

// done blocks until the terminal is clean. Every bar must have ended before.
func (b *bars) done() {
	if b != nil {
		b.all.Wait()
	}
}

// bar shows one download. A nil bar shows nothing.
type bar struct{ one *mpb.Bar }

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

// done takes the bar away.
func (b *bar) done() {
	if b != nil {
		b.one.Abort(true)
	}
}
