package ingest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkFirstScan is a first scan of 100,000 small complete files in folders of 1,000, without hashing. It reports
// files per second, the time until every id answers and the process' highest anonymous memory.
func BenchmarkFirstScan(b *testing.B) {
	const files = 100_000
	data := mp4(b)
	for b.Loop() {
		box := newBox(b, func(in *Ingest) { in.Hash = false })
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
