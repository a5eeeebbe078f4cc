package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clipd/device/announce"
	"clipd/device/api"
	"clipd/device/broker"
	"clipd/device/certificate"
	"clipd/device/clock"
	"clipd/device/httpd"
	"clipd/device/ingest"
	"clipd/device/ktls"
	"clipd/device/lane"
	"clipd/device/link"
	"clipd/device/poster"
	"clipd/device/push"
	"clipd/device/retain"
	"clipd/device/root"
	"clipd/store"
)

// signInFor is how long the sign-in link that a start prints is good.
const signInFor = time.Hour

// box is the parts of one running clipd, tied together.
type box struct {
	cfg      Config
	version  string
	log      *slog.Logger
	tail     *Tail
	settings *settings
	wishes   *wishes // nil but in the image
	ports    *ports
	updates  *updates
	clock    clock.Clock
	started  time.Time // monotonic

	id       string
	store    *store.Store
	tokens   *store.Tokens
	links    *link.Signer
	session  []byte // signs browsers' sessions
	root     *root.Root
	remover  remover
	problems *problems
	lane     *lane.Lane
	progress progress

	calm    chan struct{} // holds one: a scan has ended
	emptied chan struct{} // holds one: the root was found empty, or is no longer

	listener    net.Listener
	listenerTLS net.Listener // nil without http.listen_tls, as the next
	certificate *certificate.Source
	kernelTLS   ktls.Kernel
	broker      *broker.Broker      // nil unless embedded
	announce    *announce.Announcer // nil without a broker
	requests    *requests
	pusher      *push.Pusher
	targets     map[string]push.Target // as pusher has them
	ingest      *ingest.Ingest
	posters     *poster.Maker
	pictures    *os.Root // where posters keeps them
	retainer    *retain.Retainer
	httpd       *httpd.Server
}

// build opens what is on disk and makes the parts; nothing runs yet but the catalogue's writer.
func build(ctx context.Context, cfg Config, l *lives) (*box, error) {
	b := &box{cfg: cfg, version: l.Version, log: l.Log, tail: l.Tail, settings: l.settings, wishes: l.wishes, ports: l.ports, updates: l.updates, clock: clock.System(), started: time.Now(), calm: make(chan struct{}, 1),
		emptied: make(chan struct{}, 1), lane: lane.New(lane.System())}
	b.problems = newProblems(b.log, func(now []string) error { return keepProblems(cfg.State, now) }, b.poke)
	if b.cfg.Name == "" {
		b.cfg.Name, _ = os.Hostname()
	}
	for _, step := range []func(context.Context) error{b.openState, b.openRoot, b.bind, b.bindTLS, b.makeParts} {
		if err := step(ctx); err != nil {
			b.close()
			b.leaveProblem(err)
			return nil, err
		}
		unmapProgram() // a start runs through most of it
	}
	return b, nil
}

// openState opens the catalogue and the small files beside it.
func (b *box) openState(ctx context.Context) error {
	dir := b.cfg.State
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	s, opened, err := store.Open(ctx, store.Options{
		Dir: dir, Now: b.clock.Now, Synced: b.clock.Synced, BootID: b.clock.Boot, Log: b.log, Verify: store.VerifyInChild,
	})
	if err != nil {
		return err
	}
	b.store = s
	b.sayOpened(opened)
	b.takeUpProblems()
	if err := b.noteBoot(); err != nil {
		return err
	}
	if b.tokens, err = store.OpenTokens(dir, b.clock.Now); err != nil {
		return err
	}
	return b.openIdentity()
}

func (b *box) sayOpened(o store.Opened) {
	switch {
	case o.SetAside != "":
		b.log.Warn("the catalogue was set aside and is rebuilt from the recordings", "kept_as", o.SetAside, "reason", o.Reason)
	case o.Created:
		b.log.Info("new catalogue", "state", b.cfg.State)
	case o.Unclean:
		b.log.Warn("the last run was not stopped cleanly; the catalogue was checked and is in order")
	case o.Anew:
		b.log.Info("the power may have gone since the last run; the catalogue was checked and is in order")
	}
}

func (b *box) openIdentity() error {
	id, cloned, err := store.BoxID(b.cfg.State, serial())
	if err != nil {
		return err
	}
	if cloned {
		b.log.Warn("this card was copied from another board; the box has a new id", "box", id)
	}
	b.id = id
	key, err := store.LinkKey(b.cfg.State)
	if err != nil {
		return err
	}
	b.links = link.New(key, b.clock)
	b.session, err = store.SessionKey(b.cfg.State)
	return err
}

// openRoot looks at the root and ends removals that a crash interrupted; a root that is away is a problem, not an error.
func (b *box) openRoot(ctx context.Context) error {
	b.root = root.New(b.cfg.Root, b.store, b.log)
	b.remover = remover{b.root, b.store}
	b.root.Look(ctx)
	return b.remover.resume(ctx)
}

// bind takes the ports, so that what was asked for and is taken is told before anything runs.
func (b *box) bind(context.Context) (err error) {
	b.ports.want(map[string]string{"http.listen": b.cfg.HTTP.Listen, "http.listen_tls": b.cfg.HTTP.ListenTLS})
	if b.listener, err = b.ports.listen("http.listen", b.cfg.HTTP.Listen, b.cfg.asked("http.listen")); err != nil {
		return err
	}
	if got, want := port(b.listener.Addr().String()), port(b.cfg.HTTP.Listen); got != want && want != "0" {
		b.log.Warn("the default port is taken; another one is used", "wanted", want, "port", got)
	}
	if b.cfg.MQTT.Broker == defaultBroker {
		return b.bindBroker()
	}
	return nil
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// bindBroker makes the embedded broker. The default port may be another broker's: then this box has none.
func (b *box) bindBroker() error {
	cfg := broker.Config{Listen: b.cfg.MQTT.EmbeddedListen, Log: b.log}
	if !loopback(cfg.Listen) {
		password, err := store.MQTTPassword(b.cfg.State)
		if err != nil {
			return err
		}
		cfg.Username, cfg.Password = brokerUser, password
	}
	var err error
	b.broker, err = broker.New(cfg)
	asked := b.cfg.asked("mqtt.broker") || b.cfg.asked("mqtt.embedded_listen")
	if !errors.Is(err, broker.ErrInUse) || asked {
		if errors.Is(err, broker.ErrInUse) {
			err = taken("mqtt.embedded_listen", cfg.Listen, err)
		}
		return err
	}
	b.broker, b.cfg.MQTT.Broker = nil, noBroker
	b.problems.set("broker", fmt.Sprintf("port %s is taken by %s, so there is no embedded broker and clips are not announced; "+
		"set mqtt.broker to the broker that runs here or mqtt.embedded_listen to a free port", port(cfg.Listen), portOwner(cfg.Listen)))
	return nil
}

// brokerUser is whom the password in state/mqtt-password belongs to.
const brokerUser = "clipd"

func loopback(addr string) bool {
	a, err := net.ResolveTCPAddr("tcp", addr)
	return err == nil && a.IP.IsLoopback()
}

func (b *box) makeParts(context.Context) error {
	b.ingest = ingest.New(ingest.Config{
		Root: b.root, Store: b.store, Clock: b.clock, Location: b.cfg.location(), Cameras: b.cfg.cameras(),
		Hash: b.cfg.Hash != "none", Pictures: b.cfg.Pictures, Lane: b.lane, Log: b.log, Problem: b.ingestProblem, Calm: b.calmDown,
	})
	pushes, err := b.pushConfig()
	if err != nil {
		return err
	}
	b.targets = pushes.Targets
	if b.pusher, err = push.New(pushes); err != nil {
		return err
	}
	if err := b.makePosters(); err != nil {
		return err
	}
	b.retainer = b.newRetainer()
	b.settings.ask(b.knowsConsumer)
	b.requests = b.newRequests()
	if b.cfg.MQTT.Broker != noBroker {
		b.announce = announce.New(b.announceConfig())
	}
	b.httpd, err = httpd.New(b.httpdConfig())
	return err
}

func (b *box) announceConfig() announce.Config {
	m := b.cfg.MQTT
	c := announce.Config{
		Broker: m.Broker, Username: m.Username, Prefix: m.Prefix, Box: b.id, Name: b.cfg.Name, Version: b.version,
		AnnounceWithin: time.Duration(m.AnnounceWithin), LinkTTL: time.Duration(m.LinkTTL),
		Store: b.store, Links: b.links, Clock: b.clock, Log: b.log,
		BaseURL: b.baseURL, State: b.state, Cameras: b.cameraNames,
		Problem:  func(text string) { b.problems.set("broker", text) },
		Requests: m.Requests, Ask: b.requests.put,
		Discovery: m.Discovery, Device: b.describe(), Shown: b.shownIn(), NoteShown: b.noteShown,
		Pushing: b.pusher.Enabled, SetPushing: b.setPushing,
		Asked: b.retentionToken, Confirm: func(token string) error { return b.confirmRetention(context.Background(), token) },
	}
	if m.PasswordFile != "" {
		c.Password = func() (string, error) { return b.cfg.secret("mqtt.password_file", m.PasswordFile) }
	}
	if b.broker != nil {
		c.Broker = "tcp://" + b.broker.Addr().String()
		c.Username, c.Password = brokerUser, func() (string, error) { return store.MQTTPassword(b.cfg.State) }
	}
	return c
}

func (b *box) httpdConfig() httpd.Config {
	h := b.cfg.HTTP
	return httpd.Config{
		Store: b.store, Tokens: b.tokens, Links: b.links, Root: b.root, Clock: b.clock, Log: b.log,
		Box:        api.Box{ID: b.id, Name: b.cfg.Name, Generation: b.store.Generation()},
		SessionKey: b.session, Version: b.version, PublicURL: h.PublicURL, Hosts: b.hosts(), Location: b.cfg.location(),
		Targets: slices.Sorted(maps.Keys(b.cfg.Targets)),
		TLS:     b.tlsConfig(), Kernel: b.kernelTLS,
		MaxTransfers: h.MaxTransfers, TransferRate: int64(h.TransferRate), TotalRate: int64(h.TotalRate), Ready: b.isReady,
		Remove: func(ctx context.Context, id store.ID, reason string) error { return b.removeClip(ctx, id, reason) },
		Adopt:  b.root.Adopt, RotateLinks: b.rotateLinks, Push: b.pushOverHTTP, Ack: b.ackClip,
		OpenPoster: b.posters.Open, WantPoster: b.posters.Want,
		Rescan: func() { b.ingest.Rescan("asked over HTTP") },
		Status: b.status, Settings: b.settingsTold, SaveSettings: b.saveSettings,
		ConfirmSettings: b.confirmSettings, LogTail: b.tail.WriteTo,
		Retention: b.retainer.Report, ConfirmRetention: b.confirmRetention, Update: b.updates.take,
	}
}

func (b *box) rotateLinks(ctx context.Context) error {
	key, err := store.RotateLinkKey(b.cfg.State)
	if err != nil {
		return err
	}
	b.links.Rotate(key)
	if b.announce != nil {
		b.announce.Renew()
	}
	b.log.Info("all links handed out are void")
	return nil
}

func (b *box) baseURL(local net.Addr) string {
	if b.cfg.HTTP.PublicURL == "" {
		if https := b.httpsURL(local); https != "" {
			return https
		}
	}
	return baseURL(b.cfg.HTTP.PublicURL, b.listener.Addr(), local)
}

func (b *box) cameraNames() []string {
	cameras, err := b.store.Cameras()
	if err != nil {
		b.log.Error("cameras could not be read", "error", err)
	}
	names := make([]string, 0, len(cameras))
	for _, c := range cameras {
		names = append(names, c.Name)
	}
	return names
}

// isReady reports whether the watches are placed, or the root's absence is stated.
func (b *box) isReady() bool {
	select {
	case <-b.ingest.Ready():
		return true
	default:
		return false
	}
}

// ingestProblem notes what ingest says. An empty root is a problem of the storage, which the journal tells too.
func (b *box) ingestProblem(key, text string) {
	b.problems.set(key, text)
	if key == partEmptyRoot {
		wake(b.emptied)
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// calmDown says that memory can be given back, and posters made of what the scan found.
func (b *box) calmDown() {
	b.posters.Calm()
	b.retainer.Poke()
	select {
	case b.calm <- struct{}{}:
	default:
	}
}

// poke tells systemd and the announcer that the state may have changed.
func (b *box) poke() {
	if b.ingest != nil && b.isReady() {
		b.tellSystem()
	}
	if b.announce != nil {
		b.announce.Poke()
	}
}

// close releases what build opened.
func (b *box) close() {
	if b.listener != nil {
		b.listener.Close()
	}
	if b.listenerTLS != nil {
		b.listenerTLS.Close()
	}
	if b.broker != nil {
		b.broker.Close()
	}
	if b.pictures != nil {
		b.pictures.Close()
	}
	if b.store == nil {
		return
	}
	if err := b.store.Close(); err != nil {
		b.log.Error("the catalogue was not closed cleanly", "error", err)
	}
}

// noteURL keeps the box's own address for clipd -add-token, which runs beside it.
func (b *box) noteURL() error {
	url := []byte(b.baseURL(nil) + "\n")
	old, _ := os.ReadFile(filepath.Join(b.cfg.State, urlFile))
	if string(old) == string(url) {
		return nil
	}
	return store.WriteFile(b.cfg.State, urlFile, url, 0o644)
}

const urlFile = "url"
