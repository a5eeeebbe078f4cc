package httpd

import (
	"context"
	"crypto/tls"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"clipd/device/api"
	"clipd/device/clock"
	"clipd/device/ktls"
	"clipd/device/link"
	"clipd/device/root"
	"clipd/store"
)

// Config is what the HTTP side needs from the rest of the box. Fields without a remark are required.
type Config struct {
	Store  *store.Store
	Tokens *store.Tokens
	Links  *link.Signer
	Root   *root.Root
	Clock  clock.Clock
	Log    *slog.Logger // nil: nothing is logged

	Box       api.Box
	Version   string
	PublicURL string         // how the world reaches the box, maybe with a path; "": as the request says
	Hosts     []string       // further names of the box; its own are asked from the system
	Targets   []string       // names of the push targets people may choose
	Location  *time.Location // of days and times on the page; nil is time.Local

	// SessionKey signs browsers' sessions (32 random bytes). nil: one is made up, and browsers sign in again after a restart.
	SessionKey []byte

	// TLS is how HTTPS is spoken, with HTTP/1.1 alone. nil where there is no listener for it.
	TLS    *tls.Config
	Kernel ktls.Kernel // the suites of it for which the kernel makes the records

	// Bounds of the engine; 0 is its default, sendfile.Config.
	MaxTransfers int   // responses with a file body at once
	MaxConns     int   // connections at once
	TransferRate int64 // bytes per second of one transfer; 0 is unlimited
	TotalRate    int64 // bytes per second of all; 0 is unlimited

	// Remove does mark, unlink and forget. store.ErrNotFound, root.ErrAway; reason is told in clip_removed.
	Remove func(ctx context.Context, id store.ID, reason string) error
	// Push queues a clip for the target named, for all where none is, or for a URL, and returns the targets.
	Push func(ctx context.Context, id store.ID, target, url string) ([]string, error)
	// Ack notes that a consumer has a clip and computed sum, in hex, of it. store.ErrNotFound for an unknown clip.
	Ack func(ctx context.Context, consumer string, id store.ID, sum string) error
	// Rescan asks for a scan and returns at once; called after Adopt. nil: nobody is asked.
	Rescan func()
	// Adopt accepts the disk that is mounted now. root.ErrAway where there is none.
	Adopt func(ctx context.Context) error
	// OpenPoster opens the poster that was made for a clip (store.MadePoster). fs.ErrNotExist where it is gone.
	// nil: none are made.
	OpenPoster func(id store.ID) (*os.File, os.FileInfo, error)
	// WantPoster asks for the poster of a clip that has none, and returns at once. nil: none are made.
	WantPoster func(id store.ID)
	// RotateLinks replaces the link key, on disk and in Links.
	RotateLinks func(ctx context.Context) error

	Retention func() (api.Retention, error) // body of /api/v1/retention
	// ConfirmRetention lets go what retention asks about under the token; an api.Problem for any other.
	ConfirmRetention func(ctx context.Context, token string) error

	Status   func() api.Status   // body of /api/v1/status
	Settings func() api.Settings // body of /api/v1/config, without secrets
	// SaveSettings lays a JSON merge patch over the settings, to be in force from a moment later on. *api.Problem names the
	// keys that are wrong.
	SaveSettings func(patch []byte) error
	// ConfirmSettings keeps settings that wait for it, or undoes them.
	ConfirmSettings func(keep bool) error
	// Update takes a bundle, as older versions too if downgrade, and has the box start what is in it a moment later.
	Update func(bundle io.Reader, downgrade bool) (api.Update, error)
	// LogTail writes the end of the box's log.
	LogTail func(out io.Writer) (int64, error)
	Ready   func() bool         // nil: ready as soon as it serves
	Metrics func(out io.Writer) // more lines for /metrics, of other parts; nil: none
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	if c.Ready == nil {
		c.Ready = func() bool { return true }
	}
	if c.OpenPoster == nil {
		c.OpenPoster = func(store.ID) (*os.File, os.FileInfo, error) { return nil, nil, fs.ErrNotExist }
	}
	if c.WantPoster == nil {
		c.WantPoster = func(store.ID) {}
	}
	if c.Rescan == nil {
		c.Rescan = func() {}
	}
	return c
}
