package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The figures of the catalogue: go test -run '^$' -bench . ./store

const benchBatch = 500

// benchClip is the n-th clip of a box with four cameras that record a clip a minute.
func benchClip(n int) Clip {
	c := clip([]string{"front", "back", "garage", "garden"}[n%4], n/4)
	c.ID = MakeID(c.Path, c.Size, c.Mtime)
	c.Pushed, c.Complete = n%3 == 0, n%50 != 0
	if n%1000 == 0 {
		c.Sidecars, c.Poster = []string{c.Path + ".jpg"}, c.Path+".jpg"
	}
	return c
}

// fillTo lists clips up to the n-th.
func fillTo(b *testing.B, s *Store, from, n int) {
	b.Helper()
	for ; from < n; from += benchBatch {
		ops := make([]Op, 0, benchBatch)
		for i := from; i < min(from+benchBatch, n); i++ {
			ops = append(ops, Add(benchClip(i), Scan))
		}
		apply(b, s, ops...)
	}
	for i := 0; i < n; i += 5000 {
		apply(b, s, Pin(benchClip(i).ID, true))
	}
}

func openBench(b *testing.B, dir string) *Store {
	b.Helper()
	s, _, err := Open(b.Context(), Options{Dir: dir, BootID: "a0e7c1d2-43f1-4b57-9d0c-4f0d8f7f8d11"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// million is a catalogue of 1,000,000 clips, made once.
var million = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "store-million") })

func openMillion(b *testing.B) *Store {
	b.Helper()
	dir, err := million()
	if err != nil {
		b.Fatal(err)
	}
	s := openBench(b, dir)
	if totals, err := s.Totals(); err != nil {
		b.Fatal(err)
	} else if totals.Clips < 1_000_000 {
		fillTo(b, s, totals.Clips, 1_000_000)
	}
	return s
}

func BenchmarkMillion(b *testing.B) {
	s := openMillion(b)
	dir, _ := million()
	defer os.RemoveAll(dir)
	b.Logf("1,000,000 clips: %d MB", s.Size()>>20)
	yes, no := ptr(true), ptr(false)
	from := benchClip(2_000_000 / 4).Start
	for _, q := range []struct {
		name string
		Query
	}{
		{"all", Query{}}, {"camera", Query{Camera: "back"}}, {"pinned", Query{Pinned: yes}}, {"unpinned", Query{Pinned: no}},
		{"incomplete", Query{Complete: no}}, {"pinned-pushed-incomplete", Query{Pinned: yes, Pushed: yes, Complete: no}},
		{"oldest", Query{Order: OldestFirst}}, {"from-to", Query{From: from, To: from.Add(time.Hour * 24)}},
	} {
		b.Run("page/"+q.name, func(b *testing.B) { benchPage(b, s, q.Query) })
	}
	b.Run("poster", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.LatestPoster(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("totals", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Totals(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("timeline-month", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Timeline("", from, from.Add(31*24*time.Hour), time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("walk", func(b *testing.B) { benchWalk(b, s) })
	b.Run("add", func(b *testing.B) { benchAdd(b, s, 1_000_000) })
	s.Close()
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := Verify(filepath.Join(s.Dir, fileName)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			openBench(b, s.Dir).Close()
		}
	})
}

// benchPage takes pages from all over the listing.
func benchPage(b *testing.B, s *Store, q Query) {
	var worst time.Duration
	for b.Loop() {
		began := time.Now()
		page, err := s.List(q)
		if err != nil {
			b.Fatal(err)
		}
		worst = max(worst, time.Since(began))
		q.Cursor = page.Next
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
}

// benchWalk lists everything page by page and looks at the memory.
func benchWalk(b *testing.B, s *Store) {
	for b.Loop() {
		s.Trim()
		runtime.GC()
		before, clips := anonymous(b), 0
		q := Query{}
		for {
			page, err := s.List(q)
			if err != nil {
				b.Fatal(err)
			}
			clips += len(page.Clips)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		mapped := status(b, "RssFile:")
		s.Trim()
		b.ReportMetric(float64(clips), "clips")
		b.ReportMetric(float64(anonymous(b)-before), "anon-kB-grown")
		b.ReportMetric(float64(mapped), "mapped-kB")
		b.ReportMetric(float64(status(b, "RssFile:")), "mapped-kB-trimmed")
	}
}

func benchAdd(b *testing.B, s *Store, n int) {
	for b.Loop() {
		apply(b, s, Add(benchClip(n), Live))
		n++
	}
}

// BenchmarkWritten counts the bytes that go to the disk for one clip among 100,000, a cursor, and a burst.
func BenchmarkWritten(b *testing.B) {
	s := openBench(b, b.TempDir())
	n := 100_000
	fillTo(b, s, 0, n)
	s.Close()
	s = openBench(b, s.Dir)
	b.Run("clip", func(b *testing.B) {
		var clips, cursors int64
		for b.Loop() {
			before := written(b)
			apply(b, s, Add(benchClip(n), Live))
			middle := written(b)
			_, last := s.Journal()
			apply(b, s, SetCursor("announcer", last))
			clips += middle - before
			cursors += written(b) - middle
			n++
		}
		b.ReportMetric(float64(clips)/float64(b.N)/1024, "KiB/clip")
		b.ReportMetric(float64(cursors)/float64(b.N)/1024, "KiB/cursor")
	})
	b.Run("seen-probed-added", func(b *testing.B) {
		before := written(b)
		for b.Loop() {
			apply(b, s, See(benchClip(n)))
			apply(b, s, Probed(benchClip(n)))
			apply(b, s, Add(benchClip(n), Live))
			n++
		}
		b.ReportMetric(float64(written(b)-before)/float64(b.N)/1024, "KiB/clip")
	})
	b.Run("burst-256", func(b *testing.B) {
		var bytes int64
		for b.Loop() {
			ops := make([]Op, 256)
			for i := range ops {
				ops[i] = Add(benchClip(n), Live)
				n++
			}
			before := written(b)
			apply(b, s, ops...)
			bytes += written(b) - before
		}
		b.ReportMetric(float64(bytes)/float64(b.N)/256/1024, "KiB/clip")
	})
}

// BenchmarkScan is what the store takes of a first scan of 100,000 files: seen, then probed and added.
func BenchmarkScan(b *testing.B) {
	const files = 100_000
	for b.Loop() { // run it with -benchtime 1x
		s := openBench(b, b.TempDir())
		took := [2]time.Duration{}
		for pass := range took {
			began := time.Now()
			for n := files; n > 0; n -= benchBatch {
				ops := make([]Op, 0, benchBatch)
				for i := n - 1; i >= n-benchBatch; i-- {
					if pass == 0 {
						ops = append(ops, See(benchClip(i)))
					} else {
						ops = append(ops, Add(benchClip(i), Scan))
					}
				}
				apply(b, s, ops...)
			}
			took[pass] = time.Since(began)
		}
		b.ReportMetric(files/took[0].Seconds(), "seen/s")
		b.ReportMetric(files/took[1].Seconds(), "added/s")
		b.ReportMetric(float64(s.Size())/files, "bytes/clip")
		b.ReportMetric(float64(status(b, "RssAnon:")), "anon-kB")
		s.Close()
	}
}

// BenchmarkCommit is one change alone, and many callers at once.
func BenchmarkCommit(b *testing.B) {
	s := openBench(b, b.TempDir())
	fillTo(b, s, 0, 10_000)
	b.Run("cursor", func(b *testing.B) {
		for b.Loop() {
			apply(b, s, SetCursor("announcer", 1))
		}
	})
	b.Run("cursor-64-callers", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := s.Apply(context.Background(), SetCursor("announcer", 1)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("clip", func(b *testing.B) {
		id := benchClip(5000).ID
		for b.Loop() {
			if _, _, err := s.Clip(id); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// written is how many bytes this process has passed to pwrite(2) (proc(5), /proc/pid/io). write_bytes counts what the file
// system adds, too.
func written(b *testing.B) int64 { return field(b, "/proc/self/io", "wchar:") }

func anonymous(b *testing.B) int64 { return status(b, "RssAnon:") }

func status(b *testing.B, name string) int64 { return field(b, "/proc/self/status", name) }

func field(b *testing.B, file, name string) int64 {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == name {
			n, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal(fmt.Errorf("%s has no %s", file, name))
	return 0
}
