package ktls

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"
)

// everybodyGets wants curl to get every byte in every suite from a box with that kernel, none of whose connections is
// switched.
func everybodyGets(t *testing.T, k Kernel) {
	t.Helper()
	count := func() int { return switched(t) }
	if _, err := os.Stat("/proc/net/tls_stat"); errors.Is(err, fs.ErrNotExist) {
		count = func() int { return 0 } // by a kernel without the module
	}
	before := count()
	w := startWeb(t, Config{Kernel: k})
	for _, c := range curls {
		args := append([]string{"-sSk", w.url + "/clip", w.url + "/clip", w.url + "/whole"}, c.args...)
		if got, errs, err := run(t, "", "curl", args...); err != nil || !bytes.Equal(got, bytes.Repeat(w.file, 3)) {
			t.Errorf("%s: curl: %v, %d bytes, %s", c.name, err, len(got), errs)
		}
	}
	if n := count() - before; n != 0 {
		t.Errorf("%d connections were switched", n)
	}
}

// What was found at the start may be wrong later: a module is unloaded, a limit is reached. Where there is no module at all
// TCP_ULP fails here, where there is one TLS_TX does, with half of the switch behind it.
func TestKernelThatRefuses(t *testing.T) {
	known := suites
	t.Cleanup(func() { suites = known })
	for i := range suites {
		suites[i].cipher = 0xfff
	}
	everybodyGets(t, Kernel{can: [len(suites)]bool{true, true, true}})
}

func TestSuiteThatTheKernelDoesNotKnow(t *testing.T) {
	k := kernel(t)
	for i, c := range curls[:len(suites)] {
		only := k
		only.can = [len(suites)]bool{}
		only.can[(i+1)%len(suites)] = true
		before := switched(t)
		w := startWeb(t, Config{Kernel: only})
		args := append([]string{"-sSk", w.url + "/clip", w.url + "/whole"}, c.args...)
		got, errs, err := run(t, "", "curl", args...)
		if err != nil || !bytes.Equal(got, bytes.Repeat(w.file, 2)) {
			t.Errorf("%s: curl: %v, %d bytes, %s", c.name, err, len(got), errs)
		}
		if n := switched(t) - before; n != 0 {
			t.Errorf("%s: %d connections were switched", c.name, n)
		}
	}
}
