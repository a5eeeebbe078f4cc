package device

import (
	"context"
	"time"

	"clipd/device/httpd"
)

// transfers are those that a life which ended for other settings left under way: nobody's download breaks because somebody
// changed a name. There are those of one life at most, as each has an engine of its own. Only one goroutine may use it.
type transfers struct {
	cut   context.CancelFunc // nil: none were left
	ended <-chan struct{}
}

// transferGrace is what they get when the process is told to stop.
const transferGrace = 10 * time.Second

// leave lets h's transfers go on until they are done, or some time after ctx is. Those left before are cut off.
func (t *transfers) leave(ctx context.Context, h *httpd.Server) {
	if t.cut != nil {
		t.cut()
		<-t.ended
	}
	until, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(transferGrace, cancel) })
	t.cut = func() { stop(); cancel() }
	t.ended = h.Outlive(until)
}

// finish waits for them after ctx is done; a box that failed does not.
func (t *transfers) finish(ctx context.Context) {
	if t.cut == nil {
		return
	}
	if ctx.Err() == nil {
		t.cut()
	}
	<-t.ended
}
