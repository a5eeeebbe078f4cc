package device

import (
	"os"
	"testing"
)

func TestTailKeepsTheLastWholeLines(t *testing.T) {
	tail := &Tail{}
	line := func(i int) string { return string(rune('a'+i%26)) + " line\n" }
	var all string
	for i := range 20000 {
		all += line(i)
		tail.Write([]byte(line(i)))
		if i == 100 && string(tail.text()) != all {
			t.Error("what fits is not all there")
		}
	}
	got := string(tail.text())
	if len(got) > tailSize || len(got) < tailSize-7 || got != all[len(all)-len(got):] || got[1:7] != " line\n" {
		t.Errorf("%d bytes, from %.20q", len(got), got)
	}
	tail.Write(make([]byte, 3*tailSize))
	if n := len(tail.text()); n > tailSize {
		t.Errorf("one long line makes it %d bytes", n)
	}
	var none *Tail
	if n, err := none.WriteTo(os.Stderr); n != 0 || err != nil {
		t.Errorf("no tail writes %d, %v", n, err)
	}
}
