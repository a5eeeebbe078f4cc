package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// enoughLinks is how many links are tried after a start.
const enoughLinks = 20

// patience is how long what must come may take on a busy machine.
const patience = time.Minute

// listedClip is what is read of a clip.
type listedClip struct {
	ID     string `json:"id"`
	Path   string `json:"path"`
	Pinned bool   `json:"pinned"`
}

// journalRow is what is read of an event.
type journalRow struct {
	EventType string `json:"event_type"`
	Seq       uint64 `json:"seq"`
	ID        string `json:"id"`
	Path      string `json:"path"`
}

// listing reads all clips, by path.
func (x *box) listing(ctx context.Context) (map[string]listedClip, error) {
	all := map[string]listedClip{}
	for cursor := ""; ; {
		var page struct {
			Clips []listedClip `json:"clips"`
			Next  string       `json:"next"`
		}
		if err := x.must(ctx, "/api/v1/clips?limit=1000&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return nil, err
		}
		for _, c := range page.Clips {
			all[c.Path] = c
		}
		if cursor = page.Next; cursor == "" {
			return all, nil
		}
	}
}

// events reads the rows after seq.
func (x *box) events(ctx context.Context, after uint64) ([]journalRow, error) {
	var page struct {
		Events []journalRow `json:"events"`
	}
	err := x.must(ctx, fmt.Sprintf("/api/v1/events?after=%d&limit=1000", after), &page)
	return page.Events, err
}

// check compares a box that has just started with what must be true of it, and returns what is not.
func (t *truth) check(ctx context.Context, x *box) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if text, _ := x.log.now(); strings.Contains(text, "set aside") {
		say("the catalogue was set aside:\n%s", text)
	}
	listed, err := x.listing(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		say("listing: %v", err)
		return wrong
	}
	for _, c := range t.clips {
		t.checkClip(ctx, x, c, listed, say)
	}
	return append(wrong, t.checkJournal(ctx, x)...)
}

func (t *truth) checkClip(ctx context.Context, x *box, c *expected, listed map[string]listedClip, say func(string, ...any)) {
	now, there := listed[c.path]
	switch {
	case c.deleted && there:
		say("%s was deleted and is listed", c.path)
	case c.added && c.there() && !there:
		say("clip %s %s was added and is not listed", c.id, c.path)
	case there && c.id != "" && now.ID != c.id:
		say("%s was clip %s and is %s", c.path, c.id, now.ID)
	case there && c.pinned && !now.Pinned:
		say("%s was pinned and is not", c.path)
	case there && now.Pinned && !c.pinning && !c.pinned:
		say("%s is pinned and nobody asked for it", c.path)
	}
	if _, err := os.Stat(filepath.Join(x.dir, "recordings", c.path)); err != nil && c.recorded && c.there() {
		say("wrong deletion: %v", err)
	} else if err == nil && c.deleted {
		say("%s was deleted and its file is there", c.path)
	}
	if c.link != "" && c.there() && t.tried < enoughLinks {
		t.tried++
		if res, err := http.Get(c.link); err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusOK {
			say("the link to %s does not work: %v %v", c.path, res, err)
		}
	}
}

// journal reads all rows there are.
func (x *box) journal(ctx context.Context) (map[uint64]journalRow, error) {
	all := map[uint64]journalRow{}
	for after := uint64(0); ; {
		rows, err := x.events(ctx, after)
		if err != nil || len(rows) == 0 {
			return all, err
		}
		for _, r := range rows {
			all[r.Seq] = r
			after = r.Seq
		}
	}
}

// checkJournal sees to it that no seq was given twice, that what was read is still there, and what was announced too.
func (t *truth) checkJournal(ctx context.Context, x *box) (wrong []string) {
	rows, err := x.journal(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return []string{err.Error()}
	}
	first := uint64(0)
	if len(rows) > 0 {
		first = slices.Min(slices.Collect(maps.Keys(rows)))
	}
	for seq, was := range t.events {
		wrong = append(wrong, compareRow(rows, first, was, was.text, "read", seq)...)
	}
	for seq, was := range t.told {
		wrong = append(wrong, compareRow(rows, first, was, "clip_added", "announced", seq)...)
	}
	return wrong
}

// compareRow holds the row of a seq against what is known of it. The journal may have been cut before first.
func compareRow(rows map[uint64]journalRow, first uint64, was fact, kind, how string, seq uint64) []string {
	now, there := rows[seq]
	switch {
	case !there && seq >= first:
		return []string{fmt.Sprintf("seq %d was %s as %s %s and is not there", seq, how, kind, was.id)}
	case there && (was.id != now.ID || kind != now.EventType):
		return []string{fmt.Sprintf("seq %d was %s as %s %s and is %s %s", seq, how, kind, was.id, now.EventType, now.ID)}
	}
	return nil
}

// settle waits until every recording that must be there is listed.
func (t *truth) settle(ctx context.Context, x *box) error {
	ctx, cancel := context.WithTimeout(ctx, 4*patience) // after a full disk a scan comes a minute later
	defer cancel()
	missing := ""
	err := until(ctx, func() (bool, error) {
		listed, err := x.listing(ctx)
		if err != nil {
			return false, err
		}
		missing = ""
		for _, c := range t.clips {
			if _, ok := listed[c.path]; !ok && c.recorded && c.there() {
				missing = c.path
			}
		}
		return missing == "", nil
	})
	if err != nil {
		text, _ := x.log.now()
		return fmt.Errorf("%s was recorded and never listed: %w\n%s", missing, err, text)
	}
	return nil
}

// until asks done again and again until it says yes or fails, or ctx is done.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
