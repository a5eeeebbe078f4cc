package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// size is n bytes for people, in the units disks are sold in.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for ; f >= 999.95 && i < len(units)-1; i++ {
		f /= 1000
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}

// parseSize reads what people write for bytes: 500, 20kB, 1.5GB, 2GiB; "" and "0" are 0.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRightFunc(s, unicode.IsLetter)
	units := map[string]float64{"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	unit, ok := units[s[len(digits):]]
	if err != nil || !ok || n < 0 || n*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; say 500kB, 20MB or 1.5GB", s)
	}
	return int64(n * unit), nil
}

// lasting is a duration in seconds as 1:02:03.
func lasting(seconds float64) string {
	s := int64(math.Round(seconds))
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// localTime is t on the clock of whoever reads it.
func localTime(t time.Time) string {
	if t.IsZero() {
		return "-                  "
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// printable keeps names that came from a camera's disk from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// parseTime reads a time as people say it: a date, date and time, RFC 3339, or a duration before now.
func parseTime(s string, now time.Time) (time.Time, error) {
	if days, err := strconv.Atoi(strings.TrimSuffix(s, "d")); err == nil && strings.HasSuffix(s, "d") {
		return now.AddDate(0, 0, -days), nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; say 2026-11-22, \"2026-11-22 07:55\", 2026-11-22T07:55:00Z or 2h, 7d", s)
}
