package sendfile

import "testing"

// A worker that comes back when the disk is being stopped takes nothing more; what is queued stays for the loops to end.
func TestStoppedDiskGivesNothing(t *testing.T) {
	d := newDisk(1)
	for range 3 {
		d.queue = append(d.queue, &sock{job: &transfer{body: &body{}}})
	}
	d.busy = 1
	if s := d.next(); s == nil || len(d.queue) != 2 {
		t.Fatalf("a running disk gives %v and keeps %d", s, len(d.queue))
	}
	d.stopped = true
	if s := d.next(); s != nil || len(d.queue) != 2 || d.busy != 0 {
		t.Errorf("a stopped disk gives %v, keeps %d, has %d workers", s, len(d.queue), d.busy)
	}
}
