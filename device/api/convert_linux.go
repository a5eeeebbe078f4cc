package api

// Rows of the catalogue become what travels only where boxes run: clipctl on macOS and Windows builds without the store.

import (
	"encoding/hex"
	"net/url"
	"path"
	"strings"

	"clipd/store"
)

// FromClip is c as it travels, with url_path but without url and poster_url: those need a base and a signature.
func FromClip(c store.Clip) Clip {
	a := Clip{
		ID: c.ID.String(), Camera: text(c.Camera), Path: text(c.Path), MediaType: c.MediaType, Size: c.Size,
		Complete: c.Complete, Start: Time{c.Start}, StartSource: c.StartSource, Duration: c.Duration.Seconds(),
		Width: c.Width, Height: c.Height, VideoCodec: c.VideoCodec, AudioCodec: c.AudioCodec,
		Pinned: c.Pinned, Pushed: c.Pushed, URLPath: ClipPath(c),
	}
	if c.Hashed {
		a.SHA256 = hex.EncodeToString(c.SHA256[:])
	}
	return a
}

// ClipPath is where c's bytes are served; the last element is there for people and saved files.
func ClipPath(c store.Clip) string {
	return "/clips/" + c.ID.String() + "/" + url.PathEscape(text(path.Base(c.Path)))
}

// PosterPath is where c's poster is served, or "" if it has none.
func PosterPath(c store.Clip) string {
	if c.Poster == "" {
		return ""
	}
	return "/posters/" + c.ID.String() + ".jpg"
}

// Box names the sender of an event.
type Box struct{ ID, Name, Generation string }

// FromEvent is e as it travels. The clip is left out where the event is about none.
func FromEvent(e store.Event, b Box) Event {
	a := Event{
		V: 1, EventType: string(e.Type), Box: b.ID, BoxName: b.Name, Seq: e.Seq, Generation: b.Generation,
		BootID: e.BootID, Time: Time{e.Time}, ClockSynced: e.ClockSynced, Origin: string(e.Origin),
		Reason: e.Reason, Target: e.Target, Offset: e.Offset.Seconds(), Count: e.Count,
	}
	if !e.Clip.ID.IsZero() {
		c := FromClip(e.Clip)
		a.Clip = &c
	}
	return a
}

func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
