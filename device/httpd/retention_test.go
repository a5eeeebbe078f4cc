package httpd

import (
	"context"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

// retention is a report with everything in it.
var retention = api.Retention{
	Rules:    api.RetentionRules{Age: 3600, Classes: []api.RetentionClass{{Name: "driveway/**", Size: 1}}, Undelivered: []string{"nas"}},
	DaysLeft: new(float64), FullAt: api.Time{Time: time.Unix(1e9, 0)},
	Next: []api.Expiry{{ID: "0123456789abcdef", Camera: "front", Path: "front/a.mp4", Reason: "older than 1h", At: api.Time{Time: time.Unix(1e9, 0)}}},
	Asks: &api.RetentionAsk{Clips: 412, Reason: "age", Text: "412 clips are older than 30d", Token: "asked"},
	Held: []api.Held{{By: "nas", Clips: 1}}, Last: &api.RetentionLast{Clips: 1},
}

func (b *box) confirmRetention(_ context.Context, token string) error {
	if token != "asked" {
		return api.NewProblem(api.Conflict, "This is not what retention asks now", "")
	}
	return nil
}

// A page that is not up to date confirms nothing.
func TestConfirmRetention(t *testing.T) {
	b := newBox(t)
	b.get("/api/v1/retention").is(t, 200, "")
	b.ask(store.Admin, "POST", "/api/v1/retention/confirm", `{"token":"another"}`).is(t, 409, api.Conflict)
	b.ask(store.Admin, "POST", "/api/v1/retention/confirm", `{}`).is(t, 409, api.Conflict)
	b.ask(store.Admin, "POST", "/api/v1/retention/confirm", `{"token":"asked"}`).is(t, 204, "")
}
