package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

// spread is one figure of one contender, a value a round.
type spread []float64

// median is the middle value; of an even number the lower of the two.
func (s spread) median() float64 {
	if len(s) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(s))[(len(s)-1)/2]
}

// in tells median, min and max with the format of one value, such as "%.0f MB/s".
func (s spread) in(format string) string {
	if len(s) == 0 {
		return "-"
	}
	if len(s) == 1 {
		return fmt.Sprintf(format, s[0])
	}
	return fmt.Sprintf(format+" (%.4g to %.4g)", s.median(), slices.Min(s), slices.Max(s))
}

// MarshalJSON tells median, min and max.
func (s spread) MarshalJSON() ([]byte, error) {
	if len(s) == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(map[string]float64{"median": s.median(), "min": slices.Min(s), "max": slices.Max(s)})
}
