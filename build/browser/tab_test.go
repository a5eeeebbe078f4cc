package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is one tab of the browser, watched to its end.
type tab struct {
	t    *testing.T
	b    *box
	ctx  context.Context
	base string // the address the box is reached at

	plain bool // scripts do not run

	mu       sync.Mutex
	bad      []string   // what no page may do
	sent     []sent     // requests, in order
	received []received // responses, in order
	allowed  []string   // beginnings of console errors that the test provokes
}

type sent struct{ method, url string }

type received struct {
	url    string
	status int64
}

// newTab opens a tab in a browser profile of its own: nobody is signed in.
func (b *box) newTab() *tab {
	b.t.Helper()
	return b.openTab(browser, chromedp.WithNewBrowserContext())
}

// beside opens another tab in t's profile: the same person's, on the same machine.
func (t *tab) beside() *tab {
	t.t.Helper()
	other := t.b.openTab(t.ctx)
	other.base = t.base
	return other
}

// close closes the tab before the test ends.
func (t *tab) close() {
	t.t.Helper()
	t.b.must(chromedp.Cancel(t.ctx))
}

func (b *box) openTab(parent context.Context, options ...chromedp.ContextOption) *tab {
	b.t.Helper()
	t := &tab{t: b.t, b: b, base: b.url}
	var cancel context.CancelFunc
	t.ctx, cancel = chromedp.NewContext(parent, options...)
	b.t.Cleanup(func() { cancel(); t.verdict() })
	b.must(chromedp.Do(t.ctx))
	b.must(chromedp.Listen(t.ctx, t.hear))
	_, err := chromedp.Call(t.ctx, network.Enable, network.EnableParams{})
	b.must(err)
	return t
}

// hear keeps what a test may ask about, and what no page may do.
func (t *tab) hear(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.sent = append(t.sent, sent{e.Request.Method, e.Request.URL})
		if !t.stays(e.Request.URL) {
			t.bad = append(t.bad, "a request leaves the box: "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		t.received = append(t.received, received{e.Response.URL, int64(e.Response.Status)})
	case *page.EventJavascriptDialogOpening:
		t.bad = append(t.bad, "a script of a name's ran: "+e.Message)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			t.bad = append(t.bad, fmt.Sprintf("the browser says: %s (%s)", e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventExceptionThrown:
		t.bad = append(t.bad, fmt.Sprintf("an exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			t.bad = append(t.bad, "the page says: "+string(e.Args[0].Value)+e.Args[0].Description)
		}
	}
}

// stays reports whether an address is the box's, or none that leaves the browser.
func (t *tab) stays(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (t.base == "http://"+u.Host || u.Scheme == "data" || u.Scheme == "blob" || u.Scheme == "about")
}

// allow says that errors which hold text are the test's own doing.
func (t *tab) allow(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allowed = append(t.allowed, text)
}

// wrong returns what the tab did that no page may do.
func (t *tab) wrong() (bad []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
next:
	for _, text := range t.bad {
		for _, a := range t.allowed {
			if strings.Contains(text, a) {
				continue next
			}
		}
		bad = append(bad, text)
	}
	return bad
}

func (t *tab) verdict() {
	for _, text := range t.wrong() {
		t.t.Error(text)
	}
}

// do runs steps, each within patience.
func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	t.t.Helper()
	for _, s := range steps {
		ctx, cancel := context.WithTimeout(t.ctx, *patience)
		err := chromedp.Do(ctx, s)
		cancel()
		if err != nil {
			t.t.Fatalf("%v; the tab shows:\n%s", err, t.text())
		}
	}
}

// open goes to a path of the box.
func (t *tab) open(path string) {
	t.t.Helper()
	t.do(chromedp.Navigate(t.base + path))
}

// click clicks the first element that selector matches, as soon as a person could: it is in view, and nothing lies above
// it. Looking and clicking are one turn of the page's, so that nothing can move in between.
func (t *tab) click(selector string) {
	t.t.Helper()
	t.clickWith(selector, "{}")
}

// clickWith is click with further properties of the event, such as a key that is held.
func (t *tab) clickWith(selector, properties string) {
	t.t.Helper()
	t.wait(`(() => {
		const e = document.querySelector(` + quote(selector) + `)
		e.scrollIntoView({ block: "center", inline: "center", behavior: "instant" })
		const r = e.getBoundingClientRect(), on = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2)
		if (!e.contains(on) && on?.closest("label")?.control !== e) return false
		e.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, composed: true, view: window, ...` + properties + ` }))
		return true
	})()`)
}

// press presses keys.
func (t *tab) press(keys string) {
	t.t.Helper()
	t.do(chromedp.KeyEvent(keys))
}

// text is what the tab shows, for a failing test.
func (t *tab) text() string {
	var text string
	if err := t.try(`location.href + "\n" + document.body.innerText`, &text); err != nil {
		return err.Error()
	}
	return text
}

// eval puts the value of the expression, or what its promise becomes, into v (a pointer, or nil).
func (t *tab) eval(expression string, v any) {
	t.t.Helper()
	if err := t.try(expression, v); err != nil {
		t.t.Fatalf("%s: %v; the tab shows:\n%s", expression, err, t.text())
	}
}

func (t *tab) try(expression string, v any) error {
	ctx, cancel := context.WithTimeout(t.ctx, *patience)
	defer cancel()
	yes := true
	res, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, AwaitPromise: &yes, ReturnByValue: &yes, UserGesture: &yes})
	switch {
	case err != nil:
		return err
	case res.ExceptionDetails != nil:
		return errors.New(res.ExceptionDetails.Text + " " + res.ExceptionDetails.Exception.Description)
	case v == nil:
		return nil
	}
	return json.Unmarshal([]byte(res.Result.Value), v)
}

// wait returns when the condition, an expression, is true in the page; it survives a change of page. It asks from
// outside: a page without scripts has no timers.
func (t *tab) wait(condition string) {
	t.t.Helper()
	look := `(() => { try { return !!(` + condition + `) } catch { return false } })()`
	deadline, again := time.After(*patience), time.NewTicker(10*time.Millisecond)
	defer again.Stop()
	for {
		var ok bool
		if err := t.try(look, &ok); ok {
			return
		} else if t.ctx.Err() != nil {
			t.t.Fatal(err)
		}
		select {
		case <-again.C:
		case <-deadline:
			t.t.Fatalf("it never came true: %s; the tab shows:\n%s", condition, t.text())
		}
	}
}

// responses returns the statuses that addresses holding text were answered with, in order.
func (t *tab) responses(text string) (statuses []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.received {
		if strings.Contains(r.url, text) {
			statuses = append(statuses, r.status)
		}
	}
	return statuses
}

// signIn signs in as role by typing a token.
func (t *tab) signIn(role string) {
	t.t.Helper()
	t.open("/")
	t.eval(`document.querySelector("input[name=token]").value = `+quote(t.b.token(role)), nil)
	t.click("form[action$=login] button")
	t.wait(`document.body.dataset.role === ` + quote(role))
	t.ready()
}

// ready waits until the scripts of the page, and the event stream, are at work.
func (t *tab) ready() {
	t.t.Helper()
	if !t.plain {
		t.wait(`document.readyState === "complete" && document.documentElement.classList.contains("live")`)
	}
}

func quote(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}
