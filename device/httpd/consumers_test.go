package httpd

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"clipd/device/api"
	"clipd/store"
)

// push queues as a box does whose only target is nas.
func (b *box) push(ctx context.Context, id store.ID, target, url string) ([]string, error) {
	p := store.Push{ID: id, Target: target}
	if url != "" {
		p.Target, p.URL = "https://s3.example.org#1", url
		return nil, b.store.Apply(ctx, store.Enqueue(p))
	}
	if target != "nas" {
		return nil, api.NewProblem(api.NotFound, "There is no target "+target, "")
	}
	return []string{target}, b.store.Apply(ctx, store.Enqueue(p))
}

func (b *box) ack(ctx context.Context, consumer string, id store.ID, sum string) error {
	if consumer == "" || len(consumer) > 256 {
		return badRequest("consumer is missing or too long", "")
	}
	if sum == "" {
		return b.store.Apply(ctx, store.Ack(consumer, id, nil))
	}
	var hash [32]byte
	if n, err := hex.DecodeString(sum); err != nil || copy(hash[:], n) != len(hash) {
		return badRequest("sha256 is malformed", "")
	}
	return b.store.Apply(ctx, store.Ack(consumer, id, &hash))
}

func TestPushIsQueuedAndListed(t *testing.T) {
	b := newBox(t)
	id := b.clip("front/a.mp4", content(1000)).ID.String()
	at := "/api/v1/clips/" + id + "/push"
	b.ask(store.Operator, "POST", at, `{"target":"nas"}`).is(t, 202, "")
	const secret = "https://s3.example.org/in?X-Amz-Signature=secret"
	b.ask(store.Operator, "POST", at, fmt.Sprintf(`{"url":%q}`, secret)).is(t, 202, "")
	b.ask(store.Operator, "POST", at, `{"target":"elsewhere"}`).is(t, 404, "not-found")
	b.ask(store.Operator, "POST", at, `{"traget":"nas"}`).is(t, 400, "bad-request")
	b.ask(store.Operator, "POST", "/api/v1/clips/0000000000000000/push", `{"target":"nas"}`).is(t, 404, "not-found")
	a := b.get("/api/v1/pushes").is(t, 200, "")
	if strings.Contains(string(a.body), "secret") {
		t.Errorf("a free URL is a secret: %s", a.body)
	}
	var got struct{ Pushes []queued }
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Pushes) != 2 || got.Pushes[0].Target != "https://s3.example.org" || got.Pushes[1].Target != "nas" || got.Pushes[1].ID != id {
		t.Errorf("%s", a.body)
	}
}

func TestPushesArePaged(t *testing.T) {
	b := newBox(t)
	for i := range 5 {
		c := b.clip(fmt.Sprintf("front/%d.mp4", i), content(1000))
		b.must(b.store.Apply(t.Context(), store.Enqueue(store.Push{ID: c.ID, Target: "nas"})))
	}
	seen := map[string]bool{}
	for cursor, pages := "", 0; ; pages++ {
		var got struct {
			Pushes []queued
			Next   string
		}
		a := b.get("/api/v1/pushes?limit=2&cursor="+cursor).is(t, 200, "")
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatal(err)
		}
		for _, p := range got.Pushes {
			seen[p.ID] = true
		}
		if cursor = got.Next; cursor == "" || pages > 5 {
			break
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 pushes were listed", len(seen))
	}
	b.get("/api/v1/pushes?cursor=!").is(t, 400, "bad-request")
}

func TestConsumersSayWhatTheyHave(t *testing.T) {
	b := newBox(t)
	first, second := b.clip("front/a.mp4", content(1000)), b.clip("front/b.mp4", content(2000))
	at := "/api/v1/clips/" + first.ID.String() + "/ack"
	sum := hex.EncodeToString(first.SHA256[:])
	b.ask(store.Operator, "POST", at, `{"consumer":"nas","sha256":"`+sum+`"}`).is(t, 204, "")
	wrong := hex.EncodeToString(second.SHA256[:])
	b.ask(store.Operator, "POST", at, `{"consumer":"other","sha256":"`+wrong+`"}`).is(t, 409, "conflict")
	if has, err := b.store.Acked("nas", first.ID); err != nil || !has {
		t.Errorf("acked: %v, %v", has, err)
	}
	b.get("/api/v1/events?after=1&consumer=nas").is(t, 200, "")
	b.get("/api/v1/events?after=1&consumer=stranger").is(t, 200, "")
	all, err := b.store.Consumers()
	b.must(err)
	if i := slices.IndexFunc(all, func(c store.Consumer) bool { return c.Name == "nas" }); len(all) != 1 || i < 0 || all[i].Seq != 1 || all[i].Lacks != 1 {
		t.Errorf("consumers: %+v", all)
	}
	a := b.get("/api/v1/consumers").is(t, 200, "")
	if !strings.Contains(string(a.body), `"name":"nas","seq":1,"acked":1,"lacks":1,"seen":"2026-11-22T08:55:01.000Z"`) {
		t.Errorf("%s", a.body)
	}
	b.ask(store.Operator, "DELETE", "/api/v1/consumers/nas", "").is(t, 204, "")
	b.ask(store.Operator, "DELETE", "/api/v1/consumers/nas", "").is(t, 404, "not-found")
}
