package main

import (
	"testing"
	"time"
)

// The program people run starts on damaged catalogues.
func TestDamagedStarts(t *testing.T) {
	c := newCampaign(t)
	c.until = time.Now().Add(damageTime)
	err := c.damages(t.Context(), allDamages)
	c.finish(t, c.figures.damaged.catalogues, err)
	if c.figures.damaged.aside == 0 {
		t.Error("no catalogue was set aside: the test tests nothing")
	}
}

// A record with one other byte is found out.
func TestAWrongRecordIsFoundOut(t *testing.T) {
	known := served{records: map[string]string{"a": `{"size":1}`}, events: map[string]string{"g 1": `{"id":"a"}`}, cameras: "c"}
	for name, now := range map[string]served{
		"record": {records: map[string]string{"a": `{"size":2}`}},
		"clip":   {records: map[string]string{"b": `{"size":1}`}},
		"event":  {events: map[string]string{"g 1": `{"id":"b"}`}},
	} {
		if len(now.unwritten(known)) == 0 {
			t.Errorf("a wrong %s goes unnoticed", name)
		}
	}
	if known.differs(known) != "" || len(known.unwritten(known)) > 0 {
		t.Error("what is right is found wrong")
	}
	if (served{records: known.records}).differs(known) == "" || (served{cameras: "c"}).differs(known) == "" {
		t.Error("what is missing goes unnoticed")
	}
}
