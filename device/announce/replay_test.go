package announce

import (
	"errors"
	"testing"
)

func TestReplayTellsAgain(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	a := hurry(New(config(s, m.url())))
	events, ch := client(t, m.url(), "events")
	done(t, events.Subscribe("clipd/+/event", 1, nil))
	start(t, a)
	last := add(t, s, "front", 0, 300)
	for seq := uint64(0); seq < last; {
		seq = event(t, next(t, ch, "/event")).Seq
	}
	eventually(t, s, "the cursor at the end", func() bool { return cursorOf(t, s) == last })
	var told Replayed
	ok, err := a.Replay(11, 200, func(r Replayed) error { told = r; return nil })
	if !ok || err != nil || told.From != 11 || told.To != 210 || told.Count != 200 || told.Next != 211 || told.Gap {
		t.Fatalf("%+v, %v, %v", told, ok, err)
	}
	for want := told.From; want <= told.To; want++ {
		if e := event(t, next(t, ch, "/event")); e.Seq != want {
			t.Fatalf("seq %d, want %d", e.Seq, want)
		}
	}
	again := add(t, s, "front", 300, 1)
	if e := event(t, next(t, ch, "/event")); e.Seq != again {
		t.Errorf("after the replay seq %d, want %d", e.Seq, again)
	}
	eventually(t, s, "the cursor at the end", func() bool { return cursorOf(t, s) == again })
}

func TestReplayIsRefusedWhileOneGoesOn(t *testing.T) {
	s := catalogue(t)
	a := New(config(s, "tcp://127.0.0.1:1")) // it tells nothing
	add(t, s, "front", 0, 20)
	why := errors.New("the answer could not be kept")
	if ok, err := a.Replay(1, 10, func(Replayed) error { return why }); !ok || !errors.Is(err, why) {
		t.Errorf("%v, %v", ok, err)
	}
	if ok, err := a.Replay(1, 10, func(Replayed) error { return nil }); !ok || err != nil {
		t.Errorf("after one that did not begin: %v, %v", ok, err)
	}
	if ok, err := a.Replay(1, 10, func(Replayed) error { return nil }); ok || err != nil {
		t.Errorf("while one goes on: %v, %v", ok, err)
	}
}

func TestReplayOfNothing(t *testing.T) {
	a := New(config(catalogue(t), "tcp://127.0.0.1:1"))
	for range 2 {
		if ok, err := a.Replay(1, 10, func(r Replayed) error {
			if r.Count != 0 || r.Next != 0 {
				t.Errorf("%+v", r)
			}
			return nil
		}); !ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	}
}

// What a session published and nobody acknowledged is published by the next one.
func TestReplayGoesOnBehindWhatWasHeard(t *testing.T) {
	s := catalogue(t)
	a := New(config(s, "tcp://127.0.0.1:1"))
	add(t, s, "front", 0, 20)
	if ok, err := a.Replay(5, 10, func(Replayed) error { return nil }); !ok || err != nil {
		t.Fatal(ok, err)
	}
	var told []uint64
	take := func() {
		e, _, ok, err := a.replay.next(s)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		told = append(told, e.Seq)
	}
	take()
	take()
	take()
	a.replay.heard(5)
	a.replay.resume()
	take()
	if told[3] != 6 {
		t.Errorf("told %v, and 5 was heard", told)
	}
}
