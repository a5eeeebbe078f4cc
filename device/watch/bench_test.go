package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// BenchmarkCloseToEvent measures from close(2) to the event in the reader's hands.
func BenchmarkCloseToEvent(b *testing.B) {
	dir := b.TempDir()
	w, err := New(dir, quiet)
	if err != nil {
		b.Fatal(err)
	}
	go w.Run(b.Context())
	<-w.Ready()
	f, err := os.Create(filepath.Join(dir, "a.mp4"))
	if err != nil {
		b.Fatal(err)
	}
	f.Close()
	<-w.Events()
	var total time.Duration
	for b.Loop() {
		f, _ := os.OpenFile(filepath.Join(dir, "a.mp4"), os.O_WRONLY, 0)
		start := time.Now()
		f.Close()
		<-w.Events()
		total += time.Since(start)
	}
	b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/close")
}

// BenchmarkTenThousandFolders measures what placing the watches takes, and what they weigh in our memory.
func BenchmarkTenThousandFolders(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		if err := os.MkdirAll(fmt.Sprintf("%s/cam%d/2026-11-22-%05d", dir, i%7, i), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		before := heap()
		w, err := New(dir, quiet)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.place(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/1024, "KiB")
		w.queue.close()
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
