package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// table is one figure's result. A goal is what the box promises; it is empty where there is none.
type table struct {
	Title string `json:"title"`
	Rows  []row  `json:"rows"`
	// Rounds are the figures of each contender, by the name of the value, for programs.
	Rounds map[string]map[string]spread `json:"rounds,omitempty"`
}

type row struct {
	What  string `json:"what"`
	Value string `json:"value"`
	Goal  string `json:"goal,omitempty"`
}

func (t *table) add(what, value, goal string) { t.Rows = append(t.Rows, row{what, value, goal}) }

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n### %s\n\n| what | measured | goal |\n|---|---|---|\n", t.Title)
	for _, r := range t.Rows {
		fmt.Fprintf(w, "| %s | %s | %s |\n", r.What, strings.ReplaceAll(r.Value, "|", `\|`), r.Goal)
	}
}

func writeJSON(path string, tables []table) error {
	b, err := json.MarshalIndent(tables, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o666)
}

// times are durations of the same thing.
type times []time.Duration

// quantile is the smallest time that at least the share q of all do not exceed.
func (ts times) quantile(q float64) time.Duration {
	if len(ts) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(ts))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func mb(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func kib(n int64) string { return fmt.Sprintf("%.1f KiB", float64(n)/1024) }
