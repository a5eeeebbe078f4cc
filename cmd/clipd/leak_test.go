package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// What a box may have more at the end of a test than when it was ready: a session with the broker, what a scan or a
// transfer that just ends still holds. A leak is for each request or clip, and grows past it.
const (
	moreFiles      = 12
	moreGoroutines = 20
)

// holds is what leaks in a server that leaks.
type holds struct{ files, goroutines int }

// holding counts the open descriptors and the goroutines of the box.
func (b *box) holding() (h holds, err error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
	if err != nil {
		return h, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/metrics", nil)
	if err != nil {
		return h, err
	}
	token, err := os.ReadFile(b.state("admin-token"))
	if err != nil {
		return h, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return h, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return h, err
	}
	_, rest, _ := strings.Cut(string(text), "\nclipd_goroutines ")
	_, err = fmt.Sscan(rest, &h.goroutines)
	h.files = len(fds)
	return h, err
}

// noLeak waits until a box that is still running at the end of a passing test holds no more than when it was ready, but
// for what it may.
func (b *box) noLeak() {
	if b.cmd == nil || b.t.Failed() || b.t.Skipped() || b.first == (holds{}) {
		return
	}
	http.DefaultClient.CloseIdleConnections()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		now, err := b.holding()
		switch {
		case err == nil && now.files <= b.first.files+moreFiles && now.goroutines <= b.first.goroutines+moreGoroutines:
			return
		case time.Now().After(deadline):
			b.t.Errorf("the box leaks: it had %+v when it was ready and has %+v (%v)", b.first, now, err)
			return
		}
	}
}
