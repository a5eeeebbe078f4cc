package device

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackAfterAScanAndNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var given []time.Duration
		calm := make(chan struct{}, 1)
		calm <- struct{}{}
		done := make(chan error)
		go func() { done <- rest(ctx, calm, func() { given = append(given, time.Since(began)) }) }()
		<-time.After(21 * time.Minute) // of synctest's clock
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, 5 * time.Second, 35 * time.Second, 35*time.Second + restEvery, 35*time.Second + 2*restEvery}
		if !slices.Equal(given, want) {
			t.Errorf("given back after %v, want %v", given, want)
		}
	})
}

func TestRangeOfAMapping(t *testing.T) {
	if m, ok := parseRange("00400000-009cf000"); !ok || m != (mapping{0x400000, 0x5cf000}) {
		t.Errorf("%+v, %v", m, ok)
	}
	for _, bad := range []string{"", "-", "00400000", "x-y", "1-ffffffffffffffffff"} {
		if m, ok := parseRange(bad); ok {
			t.Errorf("%q was read as %+v", bad, m)
		}
	}
}
