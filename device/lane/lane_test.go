package lane

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// disk is what the kernel would tell.
type disk struct {
	began  time.Time
	others atomic.Int64 // the share of time, in percent, in which others than the job are stalled
	own    atomic.Int64 // in percent, while the job works
	works  atomic.Bool
	behind atomic.Bool
	total  time.Duration
	last   time.Time
}

func newDisk() *disk { return &disk{began: time.Now(), last: time.Now()} }

func (d *disk) stalled() time.Duration {
	now := time.Now()
	percent := d.others.Load()
	if d.works.Load() {
		percent = max(percent, d.own.Load())
	}
	d.total += now.Sub(d.last) * time.Duration(percent) / 100
	d.last = now
	return d.total
}

// work does a piece of work, during which the disk may stall the job itself.
func (d *disk) work(took time.Duration) {
	d.stalled()
	d.works.Store(true)
	time.Sleep(took) // in a bubble: it costs no time
	d.stalled()
	d.works.Store(false)
}

func enter(t *testing.T, l *Lane) *Turn {
	t.Helper()
	turn, err := l.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// rests is how long Yield blocks after a second of work.
func rests(t *testing.T, d *disk, turn *Turn) time.Duration {
	t.Helper()
	d.work(time.Second)
	began := time.Now()
	if err := turn.Yield(t.Context()); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestYieldsToOthersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		turn := enter(t, New(Config{Stalled: d.stalled}))
		defer turn.Leave()
		if got := rests(t, d, turn); got != 0 {
			t.Errorf("an idle disk: rests %v", got)
		}
		d.own.Store(100)
		if got := rests(t, d, turn); got != restLeast {
			t.Errorf("it is stalled itself, nobody else is: rests %v", got)
		}
		d.others.Store(50)
		if got := rests(t, d, turn); got < restMost || got > 2*restMost {
			t.Errorf("others are stalled all the time: rests %v", got)
		}
		d.others.Store(5)
		if got := rests(t, d, turn); got != restLeast {
			t.Errorf("others are hardly stalled: rests %v", got)
		}
	})
}

func TestStopsWhileARecorderFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		l := New(Config{Stalled: d.stalled, Behind: d.behind.Load})
		turn := enter(t, l)
		d.behind.Store(true)
		time.AfterFunc(time.Hour, func() { d.behind.Store(false) })
		if got := rests(t, d, turn); got < time.Hour-time.Second || got > time.Hour+behindEvery {
			t.Errorf("it rested %v", got)
		}
		turn.Leave()
		d.behind.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := l.Enter(ctx); err == nil {
			t.Error("a job began while a recorder fell behind")
		}
		d.behind.Store(false)
		enter(t, l).Leave() // whoever gave up has not kept the lane
	})
}

// One job has the lane at a time; one that works for long lets others in between, in the order in which they came.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		l := New(Config{Stalled: d.stalled})
		var inside, done atomic.Int32
		job := func(pieces int) {
			turn := enter(t, l)
			defer turn.Leave()
			for range pieces {
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d jobs at once", n)
				}
				time.Sleep(300 * time.Millisecond)
				inside.Add(-1)
				if err := turn.Yield(t.Context()); err != nil {
					t.Error(err)
				}
			}
			done.Add(1)
		}
		go job(1000)
		synctest.Wait()
		go job(1)
		go job(1)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := done.Load(); n != 2 {
			t.Errorf("%d of the short jobs are done after 3 s", n)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := done.Load(); n != 3 {
			t.Error("the long job is not done")
		}
	})
}

// A job that is cancelled while it waits for its next turn leaves the lane as it should be.
func TestCancelledInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		first := enter(t, l)
		got := make(chan error, 1)
		go func() {
			second := enter(t, l)
			time.Sleep(time.Minute)
			cancel()
			time.Sleep(time.Second)
			second.Leave()
			got <- nil
		}()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if err := first.Yield(ctx); err == nil {
			t.Error("no error after the context was cancelled")
		}
		first.Leave()
		<-got
		enter(t, l).Leave()
	})
}

// A job that gave up waiting never had the lane, and leaving it takes nothing from who has.
func TestGaveUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		has := enter(t, l)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		other, err := l.Enter(ctx)
		if err == nil {
			t.Fatal("two have the lane")
		}
		other.Leave()
		left := make(chan struct{})
		go func() { has.Leave(); close(left) }()
		synctest.Wait()
		select {
		case <-left:
		default:
			t.Fatal("leaving the lane blocks")
		}
		enter(t, l).Leave()
	})
}

func TestNilLaneIsFree(t *testing.T) {
	var l *Lane
	turn, err := l.Enter(t.Context())
	if err != nil || turn.Yield(t.Context()) != nil {
		t.Fatal(err)
	}
	turn.Leave()
}

func TestWhatTheKernelTells(t *testing.T) {
	const psi = "some avg10=3.16 avg60=3.70 avg300=3.72 total=405255115\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=113826869\n"
	if d, ok := stalled([]byte(psi)); !ok || d != 405255115*time.Microsecond {
		t.Errorf("stalled: %v, %v", d, ok)
	}
	for _, text := range []string{"", "some total=", "full avg10=0.00 total=1"} {
		if _, ok := stalled([]byte(text)); ok {
			t.Errorf("%q was taken for pressure", text)
		}
	}
	for text, want := range map[string]bool{
		"nr_dirty 70\nnr_writeback 10\nnr_dirty_threshold 100\n": true,
		"nr_dirty 60\nnr_writeback 10\nnr_dirty_threshold 100\n": false,
		"nr_dirty 60\n": false, "": false,
	} {
		if got := held([]byte(text)); got != want {
			t.Errorf("%q: held is %v", text, got)
		}
	}
	if !overloaded([]byte("4.01 3.0 2.0 1/2 3\n"), 2) || overloaded([]byte("3.99 9 9 1/2 3\n"), 2) || overloaded(nil, 2) {
		t.Error("the load is not read as it should be")
	}
	if c := System(); c.Stalled() < 0 || c.Behind == nil {
		t.Error("this machine tells nothing")
	}
}
