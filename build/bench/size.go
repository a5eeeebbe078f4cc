package main

import (
	"context"
	"os"
	"path/filepath"
)

// binarySize is what has to fit on the card of the smallest board.
func binarySize(_ context.Context, b *bench) ([]table, error) {
	t := table{Title: "Size of the program, stripped"}
	for _, p := range []struct{ file, goal string }{
		{"linux-armv6/clipd", "12 MiB"}, {"linux-arm64/clipd", ""}, {"linux-armv6/clipctl", ""},
	} {
		info, err := os.Stat(filepath.Join(b.bin, p.file))
		if err != nil {
			return nil, err
		}
		t.add(p.file, kib(info.Size()), p.goal)
	}
	return []table{t}, nil
}
