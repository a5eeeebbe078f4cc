package store

import "golang.org/x/sys/unix"

// Trim gives the pages of the map that a long walk touched back to the kernel (madvise(2) MADV_DONTNEED): they are the
// file's, and are read again when they are needed. It does not block.
func (s *Store) Trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	// A refusal costs memory that can be reclaimed anyway.
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, s.db.Info().Data, uintptr(s.Size()), unix.MADV_DONTNEED)
}
