package device

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"clipd/device/announce"
	"clipd/device/api"
	"clipd/device/link"
	"clipd/store"
)

func (t *requests) ping(context.Context, *job) (any, error) {
	return struct {
		Version string   `json:"version"`
		Time    api.Time `json:"time"`
	}{t.version, api.Time{Time: t.clock.Now()}}, nil
}

func (t *requests) tellStatus(context.Context, *job) (any, error) { return t.status(), nil }

// about is the data of an answer that is about one clip.
type about struct {
	ID string `json:"id"`
}

// How long the links of link live: when nothing is asked for, and at most.
const (
	defaultLink = time.Hour
	maxLink     = 30 * 24 * time.Hour
)

// link answers with the clip and a link that opens its bytes. What is kept is which clip it was.
func (t *requests) link(ctx context.Context, j *job) (any, error) {
	data, err := t.linkTo(j)
	if err != nil {
		return nil, err
	}
	return data, t.store.Apply(ctx, t.keepOK(j, about{j.clip.ID.String()})...)
}

func (t *requests) linkTo(j *job) (any, error) {
	ttl := defaultLink
	if j.Request.TTL != "" {
		var err error
		if ttl, err = parseDuration(j.Request.TTL); err != nil || ttl < time.Second {
			return nil, invalid("ttl is not a lifetime", `Use a duration of at least a second, such as "90s", "1h" or "7d".`)
		}
	}
	c, expires := t.signed(j.clip, j.Base, min(ttl, maxLink))
	return struct {
		api.Clip
		Expires api.Time `json:"expires"`
	}{c, api.Time{Time: expires}}, nil
}

// linkAgain makes another link to the clip that was found the first time.
func (t *requests) linkAgain(j *job, data []byte) (any, error) {
	var was about
	if err := json.Unmarshal(data, &was); err != nil {
		return nil, fmt.Errorf("read which clip it was: %w", err)
	}
	id, err := store.ParseID(was.ID)
	if err != nil {
		return nil, err
	}
	if j.clip, _, err = t.store.Clip(id); err != nil {
		return nil, err
	}
	return t.linkTo(j)
}

// signed is c as it travels, with links that live for ttl; unsigned addresses where it is 0.
func (t *requests) signed(c store.Clip, base string, ttl time.Duration) (api.Clip, time.Time) {
	a := api.FromClip(c)
	poster := api.PosterPath(c)
	var expires time.Time
	a.URL = base + a.URLPath
	if poster != "" {
		a.PosterURL = base + poster
	}
	if ttl > 0 {
		var query string
		query, expires = t.links.Sign(link.Clip, c.ID, ttl)
		a.URL += "?" + query
	}
	if ttl > 0 && poster != "" {
		query, _ := t.links.Sign(link.Poster, c.ID, ttl)
		a.PosterURL += "?" + query
	}
	return a, expires
}

// pushed is the data of an answer to push.
type pushed struct {
	ID      string   `json:"id"`
	Targets []string `json:"targets,omitempty"` // none where a URL was named
}

func (t *requests) pushClip(ctx context.Context, j *job) (any, error) {
	data := pushed{ID: j.clip.ID.String()}
	names, err := t.targets(j.Request.Target, j.Request.URL)
	if err != nil {
		return nil, err
	}
	data.Targets = names
	return data, t.push(ctx, j.clip.ID, names, j.Request.URL, t.keepOK(j, data)...)
}

// pin does pin and unpin.
func (t *requests) pin(ctx context.Context, j *job) (any, error) {
	data := about{j.clip.ID.String()}
	return data, t.store.Apply(ctx, append(t.keepOK(j, data), store.Pin(j.clip.ID, j.Verb == "pin"))...)
}

func (t *requests) delete(ctx context.Context, j *job) (any, error) {
	data := about{j.clip.ID.String()}
	err := t.remove(ctx, j.clip.ID, "deleted over MQTT", t.keepOK(j, data)...)
	if err == nil {
		t.log.Info("clip deleted", "clip", j.clip.ID, "path", j.clip.Path, "by", "a request over MQTT")
	}
	return data, err
}

// ack notes that a consumer has the clip. What could make the note fail is looked at before: the answer that is
// committed with it does not wait for its outcome.
func (t *requests) ack(ctx context.Context, j *job) (any, error) {
	op, err := ackOp(j.Request.Consumer, j.clip, j.Request.SHA256)
	if err != nil {
		return nil, err
	}
	data := about{j.clip.ID.String()}
	return data, t.store.Apply(ctx, append(t.keepOK(j, data), op)...)
}

// maxConsumerName bounds a consumer's name, in bytes.
const maxConsumerName = 256

// ackOp is the note that consumer has c and computed sum, in hex, of it.
func ackOp(consumer string, c store.Clip, sum string) (op store.Op, err error) {
	if consumer == "" || len(consumer) > maxConsumerName {
		return op, invalid("consumer is missing or too long", fmt.Sprintf("Give the name of who has the clip, at most %d bytes.", maxConsumerName))
	}
	if sum == "" && !c.Hashed {
		return store.Ack(consumer, c.ID, nil), nil
	}
	var hash [32]byte
	if len(sum) != hex.EncodedLen(len(hash)) {
		return op, invalid("sha256 is missing or malformed", "Give the SHA-256 of the bytes you have, 64 hex digits.")
	}
	if _, err := hex.Decode(hash[:], []byte(sum)); err != nil {
		return op, invalid("sha256 is malformed", "Give the SHA-256 of the bytes you have, 64 hex digits.")
	}
	if c.Hashed && hash != c.SHA256 {
		return op, store.ErrWrongHash
	}
	return store.Ack(consumer, c.ID, &hash), nil
}

// tellAgain has journal rows announced again.
func (t *requests) tellAgain(ctx context.Context, j *job) (any, error) {
	limit := j.Request.Limit
	if limit < 0 || limit > announce.MaxReplay {
		return nil, invalid("limit is out of range", fmt.Sprintf("Use 1 to %d.", announce.MaxReplay))
	}
	if limit == 0 {
		limit = announce.MaxReplay
	}
	var data any
	ok, err := t.replay(j.Request.Seq, limit, func(r announce.Replayed) error {
		data = r
		return t.store.Apply(ctx, t.keepOK(j, r)...)
	})
	if err == nil && !ok {
		err = api.NewProblem(api.Busy, "Another replay is still going on", "Ask again when its last event has come.")
	}
	return data, err
}

// scan has the whole root looked through.
func (t *requests) scan(ctx context.Context, j *job) (any, error) {
	if err := t.store.Apply(ctx, t.keepOK(j, nil)...); err != nil {
		return nil, err
	}
	t.rescan()
	return nil, nil
}
