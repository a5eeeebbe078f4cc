// Command figures measures the dashboard of a running box in real Chromium, and prints what it measured as JSON. build/bench
// starts it, on a box with many clips:
//
//	go -C build/browser run ./figures URL TOKEN RECORDINGS SAMPLE
//
// SAMPLE is a recording; copies of it are put into RECORDINGS, to see how soon the page shows them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// measured is in milliseconds but for the heap, which is in bytes. Times are medians.
type measured struct {
	Paint, Usable, Day, SlowestDay, Visible, Heap float64
	Days                                          int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	m, err := measure(ctx, os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, args []string) (m measured, err error) {
	if len(args) != 4 {
		return m, errors.New("usage: figures URL TOKEN RECORDINGS SAMPLE")
	}
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(
		append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)...))
	defer cancel()
	t := tab{ctx, args[0]}
	if err := t.signIn(args[1]); err != nil {
		return m, err
	}
	err = errors.Join(t.cold(&m), t.days(&m), t.arrival(&m, args[2], args[3]))
	return m, err
}

type tab struct {
	ctx context.Context
	url string
}

// eval puts what the expression's promise becomes into v.
func (t tab) eval(expression string, v any) error {
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	yes := true
	res, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, AwaitPromise: &yes, ReturnByValue: &yes})
	switch {
	case err != nil:
		return fmt.Errorf("%.60s: %w", expression, err)
	case res.ExceptionDetails != nil:
		return errors.New(res.ExceptionDetails.Text + " " + res.ExceptionDetails.Exception.Description)
	case v == nil:
		return nil
	}
	return json.Unmarshal([]byte(res.Result.Value), v)
}

// usable notes when the list can be used: cards are there, and scripts have begun.
const usable = `new MutationObserver((_, o) => {
	if (!document.querySelector(".card") || !document.documentElement.classList.contains("live")) return
	window.usable = performance.now()
	o.disconnect()
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] })`

func (t tab) signIn(token string) error {
	text, err := json.Marshal(token)
	if err != nil {
		return err
	}
	_, err = chromedp.Call(t.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: usable})
	return errors.Join(err, chromedp.Do(t.ctx, chromedp.Navigate(t.url)),
		t.eval(`document.querySelector("input[name=token]").value = `+string(text)+`; document.querySelector("form").submit(); 1`, nil),
		chromedp.Do(t.ctx, chromedp.WaitReady(chromedp.CSS(".card"))))
}

// cold loads the list with nothing in the cache.
func (t tab) cold(m *measured) error {
	var paints, usables []float64
	for range 10 {
		if _, err := chromedp.Call(t.ctx, network.ClearBrowserCache, struct{}{}); err != nil {
			return err
		}
		var took struct{ Paint, Usable float64 }
		err := errors.Join(chromedp.Do(t.ctx, chromedp.Navigate(t.url)), t.eval(`new Promise(done => { const look = () => {
			const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime
			paint && window.usable ? done({ paint, usable: window.usable }) : setTimeout(look, 10)
		}; look() })`, &took))
		if err != nil {
			return err
		}
		paints, usables = append(paints, took.Paint), append(usables, took.Usable)
	}
	m.Paint, m.Usable = median(paints), median(usables)
	return nil
}

// days goes to each of the last 30 days by its link, from the click to the first frame with its clips.
func (t tab) days(m *measured) error {
	var took []float64
	err := t.eval(`(async () => {
		const took = []
		const dates = [...document.querySelectorAll(".strip a[data-date]")].map(a => a.dataset.date).reverse().slice(0, 30)
		for (const date of dates) {
			const link = document.querySelector('.strip a[data-date="' + date + '"]')
			if (!link) break
			const from = performance.now()
			link.click()
			const there = () => document.querySelector(".strip [aria-current=date]")?.dataset.date === date && document.querySelector(".card")
			await new Promise(done => {
				const o = new MutationObserver(() => { if (there()) { o.disconnect(); requestAnimationFrame(done) } })
				o.observe(document.body, { subtree: true, childList: true, attributes: true })
			})
			took.push(performance.now() - from)
		}
		return took
	})()`, &took)
	if err != nil || len(took) == 0 {
		return fmt.Errorf("no day was shown: %w", err)
	}
	m.Days, m.Day, m.SlowestDay = len(took), median(took), slices.Max(took)
	if _, err := chromedp.Call(t.ctx, heapprofiler.CollectGarbage, struct{}{}); err != nil {
		return err
	}
	heap, err := chromedp.Call(t.ctx, runtime.GetHeapUsage, struct{}{})
	m.Heap = float64(heap.UsedSize)
	return err
}

// arrival is from the close of a new recording to the card that shows it.
func (t tab) arrival(m *measured, root, sample string) error {
	recording, err := os.ReadFile(sample)
	if err != nil {
		return err
	}
	if err := chromedp.Do(t.ctx, chromedp.Navigate(t.url), chromedp.WaitReady(chromedp.CSS(".card"))); err != nil {
		return err
	}
	var took []float64
	for i := range 10 {
		err := t.eval(`window.shown = new Promise(done => { const first = document.querySelector(".card").dataset.id
			const o = new MutationObserver(() => { if (document.querySelector(".card")?.dataset.id !== first) { o.disconnect(); done(Date.now()) } })
			o.observe(document.body, { subtree: true, childList: true }) }); 1`, nil)
		if err != nil {
			return err
		}
		closed := time.Now()
		if err := os.WriteFile(filepath.Join(root, "cam1", fmt.Sprintf("live-%d.mp4", i)), recording, 0o666); err != nil {
			return err
		}
		var shown float64
		if err := t.eval(`window.shown`, &shown); err != nil {
			return err
		}
		took = append(took, shown-float64(closed.UnixMilli()))
	}
	m.Visible = median(took)
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
