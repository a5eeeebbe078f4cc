package store

import "time"

// EventType says what a journal row is about. The strings are those of MQTT and HTTP.
type EventType string

// The event types of design.md, "MQTT". A gap is made by a reader that fell behind; it has no row of its own.
const (
	ClipAdded      EventType = "clip_added"
	ClipRemoved    EventType = "clip_removed"
	ClipPinned     EventType = "clip_pinned"
	ClipUnpinned   EventType = "clip_unpinned"
	PushDone       EventType = "push_done"
	PushFailed     EventType = "push_failed"
	TimeCorrected  EventType = "time_corrected"
	Gap            EventType = "gap"
	StorageProblem EventType = "storage_problem"
	StorageOK      EventType = "storage_ok"
)

// Origin says whether a clip was met live or found by a scan.
type Origin string

// Origins of a clip_added.
const (
	Live Origin = "live"
	Scan Origin = "scan"
)

// Event is one journal row. It is self-contained: it can be told to the world when its clip is long gone.
type Event struct {
	Seq         uint64 // given by the store
	Type        EventType
	Time        time.Time // wall clock when it was committed
	BootID      string
	ClockSynced bool
	Origin      Origin // of clip_added
	Clip        Clip   // as it was then; the zero Clip where the event is about none

	Reason string // why a clip was removed; what the storage problem is; why a push failed
	Target string // of push_done and push_failed

	Offset time.Duration // of time_corrected
	Count  int           // of time_corrected: how many clips
}
