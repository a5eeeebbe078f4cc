package device

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clipd/device/api"
	"clipd/store"
)

func TestEveryVerbHasARow(t *testing.T) {
	table := verbTable()
	for _, v := range verbs {
		if table[v].do == nil {
			t.Errorf("%s has no row", v)
		}
	}
	if len(table) != len(verbs) {
		t.Errorf("the table has %d rows, there are %d verbs", len(table), len(verbs))
	}
}

func TestWhatAVerbDoesNotReadIsInvalid(t *testing.T) {
	d := newDesk(t)
	c := d.add("front", "1", time.Now().Add(-time.Minute), time.Minute)
	for _, r := range []struct{ verb, text string }{
		{"ping", `{"id":"0123456789abcdef"}`},
		{"status", `{"camera":"front"}`},
		{"rescan", `{"latest":true}`},
		{"list", `{"id":"` + c.ID.String() + `"}`},
		{"list", `{"limit":1001}`},
		{"list", `{"limit":-1}`},
		{"list", `{"order":"sideways"}`},
		{"list", `{"from":"yesterday"}`},
		{"list", `{"from":"2026-11-22","to":"2026-11-21"}`},
		{"list", `{"cursor":"nonsense"}`},
		{"link", `{}`},
		{"link", `{"camera":"front"}`},
		{"link", `{"id":"` + c.ID.String() + `","latest":true}`},
		{"link", `{"id":"` + c.ID.String() + `","camera":"front"}`},
		{"link", `{"id":"../../etc/passwd"}`},
		{"link", `{"latest":true,"wait":"3s"}`},
		{"link", `{"at":"now","wait":"11m"}`},
		{"link", `{"at":"now","wait":"-3s"}`},
		{"link", `{"at":"noon"}`},
		{"link", `{"latest":true,"ttl":"0"}`},
		{"link", `{"latest":true,"target":"nas"}`},
		{"pin", `{"latest":true,"ttl":"1h"}`},
		{"delete", `{"latest":true,"sha256":"00"}`},
		{"ack", `{"latest":true}`},
		{"ack", `{"latest":true,"consumer":"nas"}`},
		{"ack", `{"latest":true,"consumer":"nas","sha256":"zz"}`},
		{"replay", `{"limit":1001}`},
		{"replay", `{"seq":1,"id":"` + c.ID.String() + `"}`},
	} {
		if a := d.ask(r.verb, r.text); a.Status != "error" || a.Error.Type != api.Invalid || a.Error.Title == "" || a.Error.Detail == "" {
			t.Errorf("%s %s: %+v", r.verb, r.text, a)
		}
	}
	if did := d.done(); did != nil {
		t.Errorf("invalid requests were half done: %v", did)
	}
}

func TestVerbsDoWhatTheySay(t *testing.T) {
	d := newDesk(t)
	old := d.add("front", "1", time.Now().Add(-time.Hour), time.Minute)
	c := d.add("yard", "2", time.Now().Add(-time.Minute), time.Minute)
	if a := d.ask("ping", `{}`); a.Status != "ok" || a.Data["version"] != "1" {
		t.Errorf("ping: %+v", a)
	}
	if a := d.ask("status", `{}`); a.Status != "ok" || a.Data["version"] != "1" {
		t.Errorf("status: %+v", a)
	}
	if a := d.ask("link", `{"latest":true,"ttl":"1d"}`); a.id() != c.ID.String() || !d.opens(a.Data["url"], c.ID) || a.Data["expires"] == "" {
		t.Errorf("link: %+v", a)
	}
	if a := d.ask("link", `{"latest":true,"camera":"front"}`); a.id() != old.ID.String() {
		t.Errorf("link to a camera's latest: %+v", a)
	}
	if a := d.ask("link", `{"latest":true,"camera":"garden"}`); a.Error.Type != api.NotFound {
		t.Errorf("link to nothing: %+v", a)
	}
	for verb, pinned := range map[string]bool{"pin": true, "unpin": false} {
		a := d.ask(verb, `{"id":"`+old.ID.String()+`"}`)
		if now, _, err := d.store.Clip(old.ID); a.Status != "ok" || err != nil || verb == "pin" && now.Pinned != pinned {
			t.Errorf("%s: %+v, %v, %v", verb, a, now.Pinned, err)
		}
	}
	sum := strings.Repeat("0", 58)
	if a := d.ask("ack", `{"id":"`+c.ID.String()+`","consumer":"nas","sha256":"010203`+sum+`"}`); a.Status != "ok" {
		t.Errorf("ack: %+v", a)
	}
	if a := d.ask("ack", `{"id":"`+c.ID.String()+`","consumer":"nas","sha256":"010204`+sum+`"}`); a.Error.Type != api.Conflict {
		t.Errorf("ack with another hash: %+v", a)
	}
	for verb, text := range map[string]string{"push": `{"latest":true}`, "rescan": `{}`, "replay": `{"seq":1}`, "delete": `{"latest":true}`} {
		if a := d.ask(verb, text); a.Status != "ok" || len(d.done()) != 1 {
			t.Errorf("%s: %+v", verb, a)
		}
	}
}

// What has a transaction is done once, also where its name would mean another clip by now, and across a restart.
func TestTransactionIsDoneOnce(t *testing.T) {
	d := newDesk(t)
	start := time.Now().Add(-time.Hour)
	first := map[string]answer{}
	asks := map[string]string{
		"link": `{"latest":true,"transaction":"t"}`, "push": `{"latest":true,"transaction":"t"}`, "pin": `{"latest":true,"transaction":"t"}`,
		"rescan": `{"transaction":"t"}`, "replay": `{"seq":1,"transaction":"t"}`, "delete": `{"latest":true,"camera":"yard","transaction":"t"}`,
	}
	d.add("front", "1", start, time.Minute)
	d.add("yard", "1", start.Add(time.Second), time.Minute)
	for _, verb := range []string{"delete", "link", "push", "pin", "rescan", "replay"} {
		first[verb] = d.ask(verb, asks[verb])
		if first[verb].Status != "ok" {
			t.Fatalf("%s: %+v", verb, first[verb])
		}
	}
	d.done()
	other := d.add("front", "2", start.Add(time.Minute), time.Minute)
	d.add("yard", "2", start.Add(time.Minute+time.Second), time.Minute)
	for _, when := range []string{"again", "after a restart"} {
		for verb, text := range asks {
			a := d.ask(verb, text)
			if a.Status != "ok" || a.id() != first[verb].id() {
				t.Errorf("%s %s: %+v, want %+v", verb, when, a, first[verb])
			}
			if did := d.done(); did != nil {
				t.Errorf("%s %s: did %v", verb, when, did)
			}
		}
		d.stop()
		d.open()
	}
	if c, _, err := d.store.Clip(other.ID); err != nil || c.Pinned {
		t.Errorf("another clip was pinned: %+v, %v", c, err)
	}
	if a := d.ask("rescan", `{}`); a.Status != "ok" || len(d.done()) != 1 {
		t.Errorf("without a transaction: %+v", a)
	}
}

// What the catalogue cannot do is not kept as done: the answer that was committed with it is replaced.
func TestFailureIsNotKeptAsDone(t *testing.T) {
	d := newDesk(t)
	c := d.add("front", "1", time.Now(), time.Minute)
	d.table.push = func(_ context.Context, id store.ID, _ []string, _ string, also ...store.Op) error {
		return d.store.Apply(t.Context(), append(also, store.Enqueue(store.Push{ID: store.ID{1}, Target: "nas"}))...)
	}
	const text = `{"latest":true,"transaction":"t"}`
	for range 2 {
		if a := d.ask("push", text); a.Error.Type != api.NotFound {
			t.Errorf("%+v", a)
		}
	}
	if pushes, err := d.store.PushesOf(c.ID); err != nil || len(pushes) != 0 {
		t.Errorf("pushes: %v, %v", pushes, err)
	}
}

func TestListPagesWithinAMessage(t *testing.T) {
	d := newDesk(t)
	const clips = 400
	start := time.Now().Add(-clips * time.Minute).Truncate(time.Second)
	for i := range clips {
		d.add("front", fmt.Sprintf("%s-%03d", strings.Repeat("long", 20), i), start.Add(time.Duration(i)*time.Minute), time.Minute)
	}
	var seen []string
	pages := 0
	for cursor := ""; ; pages++ {
		a := d.ask("list", `{"camera":"front","order":"oldest","limit":1000,"cursor":"`+cursor+`"}`)
		if a.Status != "ok" || a.bytes > 60<<10 {
			t.Fatalf("an answer of %d bytes: %+v", a.bytes, a.Error)
		}
		for _, c := range a.Data["clips"].([]any) {
			seen = append(seen, c.(map[string]any)["path"].(string))
		}
		if cursor, _ = a.Data["next"].(string); cursor == "" {
			break
		}
	}
	if len(seen) != clips || !slices.IsSorted(seen) || pages < 3 {
		t.Errorf("%d clips in %d pages, sorted %v", len(seen), pages+1, slices.IsSorted(seen))
	}
	if a := d.ask("list", `{"limit":3}`); len(a.Data["clips"].([]any)) != 3 || a.Data["next"] == "" {
		t.Errorf("%+v", a)
	}
	if a := d.ask("list", `{"camera":"nobody"}`); len(a.Data["clips"].([]any)) != 0 {
		t.Errorf("%+v", a)
	}
}
