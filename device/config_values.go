package device

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as people write it: "90s", "5m", "24h", "14d", or several ("1d12h"). "" and "0" are 0.
type Duration time.Duration

// UnmarshalText reads s m h d; it refuses everything else, negative lengths included.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := parseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) {
	if day := Duration(24 * time.Hour); d != 0 && d%day == 0 {
		return fmt.Appendf(nil, "%dd", d/day), nil
	}
	text := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if short, ok := strings.CutSuffix(text, zero); ok {
			text = short + zero[:1]
		}
	}
	return []byte(text), nil
}

func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a length of time; write it like \"90s\", \"24h\" or \"14d\"", s)
	if s == "" || s == "0" {
		return 0, nil
	}
	var total time.Duration
	if days, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return 0, bad
		}
		total, s = time.Duration(n)*24*time.Hour, rest
	}
	if s == "" {
		return total, nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 || total+v < 0 {
		return 0, bad
	}
	return total + v, nil
}

// Size is a number of bytes (or bytes per second) as people write it: "500MB", "2GiB", "0".
type Size int64

// units are in the order in which a whole number of them is looked for, and no suffix ends in one before it.
var units = []struct {
	suffix string
	bytes  float64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3},
	{"B", 1}, {"", 1},
}

// UnmarshalText reads a number with kB MB GB KiB MiB GiB; it refuses everything else.
func (s *Size) UnmarshalText(b []byte) error {
	v, err := parseSize(string(b))
	*s = Size(v)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range units {
		if n := int64(u.bytes); s != 0 && n > 1 && int64(s)%n == 0 {
			return fmt.Appendf(nil, "%d%s", int64(s)/n, u.suffix), nil
		}
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	for _, u := range units {
		n, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
		if err != nil || !(v >= 0 && v*u.bytes < math.MaxInt64) {
			break
		}
		return int64(v * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size; write it like \"500MB\" or \"2GiB\"", s)
}

// Share is a floor of free space: bytes, or percent of the file system.
type Share struct {
	Bytes   int64
	Percent float64 // 0 to 100; Bytes is then 0
}

// UnmarshalText reads "2GB" or "5%".
func (f *Share) UnmarshalText(b []byte) (err error) {
	*f = Share{}
	p, ok := strings.CutSuffix(string(b), "%")
	if !ok {
		f.Bytes, err = parseSize(string(b))
		return err
	}
	f.Percent, err = strconv.ParseFloat(p, 64)
	if err != nil || !(f.Percent >= 0 && f.Percent < 100) {
		return fmt.Errorf("%q is not a share; write it like \"5%%\"", b)
	}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (f Share) MarshalText() ([]byte, error) {
	if f.Percent > 0 {
		return fmt.Appendf(nil, "%g%%", f.Percent), nil
	}
	return Size(f.Bytes).MarshalText()
}
