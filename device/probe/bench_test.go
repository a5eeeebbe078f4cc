package probe

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// BenchmarkFile probes whole small recordings, opened before.
func BenchmarkFile(b *testing.B) {
	files := recorded(b)
	for _, name := range []string{"plain.mp4", "frag.mp4", "plain.ts", "plain.mkv", "plain.avi", "still.jpg"} {
		i := slices.IndexFunc(files, func(path string) bool { return filepath.Base(path) == name })
		b.Run(name, func(b *testing.B) { benchmarkFile(b, files[i]) })
	}
}

func benchmarkFile(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	m := &meter{r: f}
	for b.Loop() {
		if _, err := File(m, st.Size()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(m.reads)/float64(b.N), "preads/op")
	b.ReportMetric(float64(m.bytes)/float64(b.N), "read-bytes/op")
}
