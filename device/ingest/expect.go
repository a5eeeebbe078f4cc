package ingest

import (
	"fmt"
	"time"
)

// expectations are the cameras that must bring a clip every so often.
type expectations struct {
	every map[string]time.Duration
	last  map[string]time.Time // monotonic: the last clip, or the start
}

func expectationsOf(cameras []Camera) expectations {
	e := expectations{map[string]time.Duration{}, map[string]time.Time{}}
	for _, c := range cameras {
		if c.Expect > 0 {
			e.every[c.Name], e.last[c.Name] = c.Expect, time.Now()
		}
	}
	return e
}

// met notes that camera brought a clip just now.
func (e *expectations) met(camera string) {
	if _, ok := e.every[camera]; ok {
		e.last[camera] = time.Now()
	}
}

// check states a problem for each camera that is overdue, and ends it for the others.
func (e *expectations) check(problem func(key, text string)) {
	for camera, every := range e.every {
		text := ""
		if since := time.Since(e.last[camera]); since > every {
			text = fmt.Sprintf("no clip from camera %s for %v; is its recorder running?", camera, since.Round(time.Second))
		}
		problem("camera/"+camera, text)
	}
}
