package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// BenchmarkFirstScan is a first scan of 100,000 small complete files in folders of 1,000, without hashing. It reports
// files per second, the time until every id answers and the process' highest anonymous memory.
func BenchmarkFirstScan(b *testing.B) {
	const files = 100_000
	data := mp4(b)
	for b.Loop() {
		box := newBox(b, func(in *Ingest) { in.Hash = false })
		box.patience = time.Hour
		for i := range files {
			box.record(fmt.Sprintf("cam%d/2026-11-22/%03d/clip-%06d.mp4", i%3, i/1000, i), data)
		}
		stop, peak := make(chan struct{}), make(chan int64)
		go watchMemory(stop, peak)
		began := time.Now()
		box.run()
		var answers time.Duration
		box.until("the scan", func() bool {
			t, err := box.Store.Totals()
			if err == nil && answers == 0 && t.Clips+t.Pending == files {
				answers = time.Since(began)
			}
			return err == nil && t.Clips == files
		})
		took := time.Since(began)
		close(stop)
		b.ReportMetric(files/took.Seconds(), "files/s")
		b.ReportMetric(answers.Seconds(), "s-to-answer")
		b.ReportMetric(float64(<-peak)/(1<<20), "MiB-anon-peak")
		box.stop()
		b.ReportMetric(float64(anonymous())/(1<<20), "MiB-anon-after")
	}
}

func watchMemory(stop chan struct{}, peak chan int64) {
	most := int64(0)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			most = max(most, anonymous())
		case <-stop:
			peak <- most
			return
		}
	}
}

// anonymous is the process' anonymous memory in bytes, proc(5) RssAnon.
func anonymous() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), "RssAnon:")
	kib, _ := strconv.ParseInt(strings.Fields(line)[0], 10, 64)
	return kib << 10
}

// BenchmarkLive is clips of 10 MB one by one, from their close to the end of the commit that lists them.
func BenchmarkLive(b *testing.B) {
	box := newBox(b, nil).start()
	data := append(mp4(b), make([]byte, 10<<20)...)
	copy(data[len(data)-10<<20:], "\x00\xa0\x00\x00free")
	var all []time.Duration
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprintf("front/%d.mp4", i)
		box.record("front/.recording", data)
		closed := time.Now()
		if err := os.Rename(box.path("front/.recording"), box.path(name)); err != nil {
			b.Fatal(err)
		}
		box.clip(name)
		all = append(all, time.Since(closed))
		if err := os.Remove(box.path(name)); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "ms-p99")
}

// BenchmarkHash is what reading those 10 MB for both sums costs.
func BenchmarkHash(b *testing.B) {
	file := filepath.Join(b.TempDir(), "a")
	write(b, file, make([]byte, 10<<20))
	f := must[*os.File](b)(os.Open(file))
	defer f.Close()
	info := must[os.FileInfo](b)(f.Stat())
	h := hasher{pause: func(ctx context.Context) error { return nil }}
	for b.Loop() {
		c := store.Clip{Size: info.Size(), Mtime: info.ModTime()}
		check(b, h.clip(b.Context(), f, &c))
	}
}
