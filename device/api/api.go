// Package api is what travels between a box and everybody else: the JSON of HTTP and MQTT, and the two documents that
// describe it (openapi.yaml, asyncapi.yaml). It may be imported by everyone, clients included; it opens nothing,
// stores nothing and knows no transport. Keys are contracts: they are never renamed.
package api

import (
	"encoding/json"
	"time"
)

// Time is a wall-clock instant as it travels: RFC 3339, UTC, milliseconds. The zero Time is null.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes RFC 3339 with milliseconds in UTC.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"` + timeLayout + `"`)), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = Time{}
		return nil
	}
	return json.Unmarshal(b, &t.Time)
}

// Clip is one clip as it travels, in listings and, embedded, in events.
type Clip struct {
	ID          string  `json:"id"`
	Camera      string  `json:"camera"`
	Path        string  `json:"path"` // bytes that are no UTF-8 are replaced by U+FFFD; the id is the name
	MediaType   string  `json:"media_type,omitempty"`
	Size        int64   `json:"size"`
	SHA256      string  `json:"sha256,omitempty"`
	Complete    bool    `json:"complete"`
	Start       Time    `json:"start"`
	StartSource string  `json:"start_source,omitempty"`
	Duration    float64 `json:"duration"` // seconds
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	VideoCodec  string  `json:"video_codec,omitempty"`
	AudioCodec  string  `json:"audio_codec,omitempty"`
	Pinned      bool    `json:"pinned"`
	Pushed      bool    `json:"pushed"`
	URL         string  `json:"url,omitempty"`
	URLPath     string  `json:"url_path,omitempty"`
	PosterURL   string  `json:"poster_url,omitempty"`
}

// Event is a journal row as it travels. The clip's keys stand beside the event's own.
type Event struct {
	V           int    `json:"v"`
	EventType   string `json:"event_type"`
	Box         string `json:"box"`
	BoxName     string `json:"box_name"`
	Seq         uint64 `json:"seq"`
	Generation  string `json:"generation"`
	BootID      string `json:"boot_id"`
	Time        Time   `json:"time"`
	ClockSynced bool   `json:"clock_synced"`
	Origin      string `json:"origin,omitempty"`
	*Clip              // nil where the event is about no clip

	Reason string  `json:"reason,omitempty"`
	Target string  `json:"target,omitempty"`
	Offset float64 `json:"offset,omitempty"` // seconds, of time_corrected
	Count  int     `json:"count,omitempty"`
	From   uint64  `json:"from,omitempty"` // of gap: rows from..seq are not told one by one
}

// Problem is RFC 9457 application/problem+json; Type is one of the slugs below, on HTTP and on MQTT alike.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status,omitempty"`
	Detail string `json:"detail,omitempty"`

	Errors []KeyError `json:"errors,omitempty"` // of settings: what is wrong with which
}

// KeyError is what is wrong with one setting.
type KeyError struct {
	Key    string `json:"key"`
	Detail string `json:"detail"`
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// Request is what a client asks of the box, over MQTT or HTTP. Which fields a verb reads is in asyncapi.yaml.
type Request struct {
	Transaction string `json:"transaction,omitempty"`
	ID          string `json:"id,omitempty"`
	Latest      bool   `json:"latest,omitempty"`
	Camera      string `json:"camera,omitempty"`
	At          string `json:"at,omitempty"`   // "now" or RFC 3339
	Wait        string `json:"wait,omitempty"` // a duration: "90s"
	TTL         string `json:"ttl,omitempty"`
	Target      string `json:"target,omitempty"`
	URL         string `json:"url,omitempty"`
	Consumer    string `json:"consumer,omitempty"`
	SHA256      string `json:"sha256,omitempty"`
	Seq         uint64 `json:"seq,omitempty"`
	From        string `json:"from,omitempty"`
	To          string `json:"to,omitempty"`
	Pinned      *bool  `json:"pinned,omitempty"`
	Pushed      *bool  `json:"pushed,omitempty"`
	Complete    *bool  `json:"complete,omitempty"`
	Limit       int    `json:"limit,omitempty"`
	Cursor      string `json:"cursor,omitempty"`
	Order       string `json:"order,omitempty"`
}

// Response answers one Request on MQTT.
type Response struct {
	Transaction string   `json:"transaction,omitempty"`
	Status      string   `json:"status"` // "ok" or "error"
	Data        any      `json:"data,omitempty"`
	Error       *Problem `json:"error,omitempty"`
}

// State is the retained state topic and the core of /api/v1/status.
type State struct {
	Clips          int      `json:"clips"`
	BytesUsed      int64    `json:"bytes_used"`
	BytesFree      int64    `json:"bytes_free"`
	Transfers      int      `json:"transfers"`
	PushesWaiting  int      `json:"pushes_waiting"`
	Oldest         Time     `json:"oldest"`
	Newest         Time     `json:"newest"`
	StorageProblem string   `json:"storage_problem"` // "" if there is none
	Problems       []string `json:"problems"`
	ClockSynced    bool     `json:"clock_synced"`
	Scanning       bool     `json:"scanning"`

	DaysLeft      *float64 `json:"days_left"`      // until the disk is full; null where a rule prevents it or it is not known
	RetentionAsks string   `json:"retention_asks"` // what a person must confirm before it is deleted; "" if nothing

	Recording map[string]bool `json:"recording,omitempty"` // cameras with expect: whether they bring clips
}

// Info is the retained info topic.
type Info struct {
	Version  string   `json:"version"`
	Box      string   `json:"box"`
	Name     string   `json:"name"`
	URL      string   `json:"url"` // API base, without a trailing slash
	Cameras  []string `json:"cameras"`
	Requests []string `json:"requests"`
}
