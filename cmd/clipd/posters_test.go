package main

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestPosterIsMade: a recording without a picture gets one, and the broker is told where it is until the clip goes.
func TestPosterIsMade(t *testing.T) {
	need(t, "ffmpeg", "mosquitto", "mosquitto_sub")
	m := newMosquitto(t)
	b := startBox(t, "-broker", m.url())
	posters := m.subscribe("clipd/+/poster")
	record(t, b.recordings("front", "a.mp4"))

	var told struct {
		ID        string `json:"id"`
		PosterURL string `json:"poster_url"`
	}
	posters.next(func(m message) bool { return json.Unmarshal(m.payload, &told) == nil && told.PosterURL != "" })
	status, picture := fetch(t, told.PosterURL)
	if config, err := jpeg.DecodeConfig(bytes.NewReader(picture)); status != http.StatusOK || err != nil || config.Width == 0 {
		t.Fatalf("the poster answers %d with %d bytes: %v", status, len(picture), err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "state", "posters", told.ID+".jpg")); err != nil {
		t.Error(err)
	}
	if got := b.as(b.token(), http.MethodDelete, "/api/v1/clips/"+told.ID); got != http.StatusNoContent {
		t.Fatalf("deleting answers %d", got)
	}
	posters.next(func(m message) bool { return len(m.payload) == 0 })
}
