package retain

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// BenchmarkLook is what it costs to find that nothing must go, among 200,000 clips of 20 cameras with a class that is
// told by its path, and what stays in memory for it.
func BenchmarkLook(b *testing.B) {
	rules := Rules{Age: 365 * day, Size: 1 << 50, Free: 1, Classes: []Class{
		{Name: "motion", Match: func(p string) bool { return strings.Contains(p, "motion") }, Age: 300 * day, Size: 1 << 40},
	}}
	box := newBox(b, rules)
	for n := 0; n < 200_000; {
		var ops []store.Op
		for range 1000 {
			at := noon.Add(-time.Duration(n) * time.Minute)
			file := fmt.Sprintf("%d/motion-%06d.mp4", n%20, n)
			ops = append(ops, store.Add(store.Clip{
				ID: store.MakeID(file, 1, at), Path: file, Camera: fmt.Sprint(n % 20), Size: 1, Mtime: at, Start: at,
			}, store.Scan))
			n++
		}
		box.must(box.store.Apply(context.Background(), ops...))
	}
	began, before := time.Now(), heap()
	if _, err := box.r.choose(); err != nil {
		b.Fatal(err)
	}
	first, kept := time.Since(began), max(heap()-before, 0)
	for b.Loop() {
		box.r.keep.nextAge = time.Time{}
		if _, err := box.r.choose(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(first.Milliseconds()), "ms-first")
	b.ReportMetric(float64(kept), "B-kept")
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
