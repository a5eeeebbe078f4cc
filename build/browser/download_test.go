package browser

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// downloaded is a file that the browser saved, and the name that it gave it.
type downloaded struct {
	path, name string
}

func (d downloaded) String() string { return d.name }

// is reports whether the file holds the same bytes as the one at path.
func (d downloaded) is(path string) bool {
	a, err := os.ReadFile(d.path)
	b, err2 := os.ReadFile(path)
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

// download clicks what selector matches, and returns the file that this saves.
func (t *tab) download(selector string) downloaded {
	t.t.Helper()
	dir := t.t.TempDir()
	yes := true
	_, err := chromedp.CallBrowser(t.ctx, cdp.SetDownloadBehavior, cdp.SetDownloadBehaviorParams{
		Behavior: cdp.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: dir, EventsEnabled: &yes,
		BrowserContextID: chromedp.FromContext(t.ctx).BrowserContextID,
	})
	t.b.must(err)
	var name string
	saved := make(chan string, 1)
	t.b.must(chromedp.ListenBrowser(t.ctx, func(event any) {
		switch e := event.(type) {
		case *cdp.EventDownloadWillBegin:
			name = e.SuggestedFilename
		case *cdp.EventDownloadProgress:
			if e.State == cdp.DownloadProgressStateCompleted {
				select {
				case saved <- e.GUID:
				default:
				}
			}
		}
	}))
	t.click(selector)
	select {
	case guid := <-saved:
		return downloaded{filepath.Join(dir, guid), name}
	case <-time.After(*patience):
		t.t.Fatalf("nothing was downloaded; the tab shows:\n%s", t.text())
	}
	return downloaded{}
}
