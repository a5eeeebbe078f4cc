package store

import (
	"errors"
	"testing"
	"time"
)

// TestReadsWaitForTheFlush: a read that sees a transaction of which nobody knows whether it is on disk waits until it is,
// and fails where it never will be.
func TestReadsWaitForTheFlush(t *testing.T) {
	for name, end := range map[string]func(s *Store, tx int) error{
		"flushed": func(s *Store, tx int) error { s.durable.reach(tx); return nil },
		"failed":  func(s *Store, _ int) error { err := errors.New("the flush failed"); s.fail(err); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, t.TempDir())
			c := clip("front", 1)
			apply(t, s, Add(c, Live))
			tx := s.durable.tx
			s.durable.reach(tx - 1) // as in the middle of its commit
			read := make(chan error, 1)
			go func() {
				_, _, err := s.Clip(c.ID)
				read <- err
			}()
			waiting := func() bool { s.durable.mu.Lock(); defer s.durable.mu.Unlock(); return s.durable.next != nil }
			for deadline := time.Now().Add(time.Minute); !waiting() && time.Now().Before(deadline); {
				select {
				case err := <-read:
					t.Fatalf("the read did not wait: %v", err)
				default:
				}
			}
			want := end(s, tx)
			if err := <-read; !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}
