package device

import (
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/ingest"
)

// Status is the body of /api/v1/status.
type Status struct {
	api.State
	Version string          `json:"version"`
	Box     string          `json:"box"`
	Name    string          `json:"name"`
	Model   string          `json:"model,omitempty"`
	URL     string          `json:"url"`
	BootID  string          `json:"boot_id"`
	Uptime  float64         `json:"uptime"` // seconds since clipd started
	Scan    ingest.Progress `json:"scan"`
	Broker  BrokerStatus    `json:"broker"`
	Push    PushStatus      `json:"push"`
	TLS     *TLSStatus      `json:"tls,omitempty"` // absent without http.listen_tls
	Partial int             `json:"partial"`
	Disk    *Disk           `json:"disk"`                  // null while the recordings folder is away
	Memory  int64           `json:"memory"`                // bytes resident
	Celsius *float64        `json:"temperature,omitempty"` // of the board, where it tells
	Journal [2]uint64       `json:"journal"`               // first and last seq
}

// BrokerStatus is what the announcer knows of its broker.
type BrokerStatus struct {
	URL       string `json:"url"`
	Connected bool   `json:"connected"`
	Waiting   uint64 `json:"waiting"` // journal rows not announced yet, at most
	Error     string `json:"error,omitempty"`
}

// PushStatus is how the queue of pushes is.
type PushStatus struct {
	On       bool      `json:"on"`
	Waiting  int       `json:"waiting"`
	Dead     int       `json:"dead"`      // given up
	UnderWay []Pushing `json:"under_way"` // one at most
}

// Pushing is a clip on its way to a target.
type Pushing struct {
	ID     string `json:"id"`
	Target string `json:"target"` // of a free URL its origin
	Sent   int64  `json:"sent"`   // bytes
	Size   int64  `json:"size"`
}

// state is what the retained state topic says.
func (b *box) state() api.State {
	s := api.State{ClockSynced: b.clock.Synced(), Scanning: b.ingest.Progress().Scanning, Transfers: b.httpd.Transfers()}
	s.StorageProblem, s.Problems = b.problems.get(partStorage), b.problems.all()
	t, err := b.store.Totals()
	if err != nil {
		b.log.Error("totals could not be read", "error", err)
	}
	s.PushesWaiting, _ = b.store.PushCounts()
	s.Recording = b.recording()
	s.RetentionAsks, _ = b.retainer.Asked()
	if f, err := b.retainer.Forecast(); err == nil {
		s.DaysLeft = f.DaysLeft()
	}
	s.Clips, s.BytesUsed = t.Clips, t.Bytes
	s.Oldest, s.Newest = api.Time{Time: t.Oldest}, api.Time{Time: t.Newest}
	if free, _, err := b.root.Free(); err == nil {
		s.BytesFree = free
	}
	return s
}

func (b *box) status() Status {
	t, err := b.store.Totals()
	if err != nil {
		b.log.Error("totals could not be read", "error", err)
	}
	first, last := b.store.Journal()
	return Status{
		State: b.state(), Version: b.version, Box: b.id, Name: b.cfg.Name, Model: model(), URL: b.baseURL(nil),
		BootID: b.clock.Boot, Uptime: time.Since(b.started).Seconds(), Scan: b.ingest.Progress(),
		Broker: b.brokerStatus(), Push: b.pushStatus(), TLS: b.tlsStatus(), Partial: t.Partials,
		Disk: diskOf(b.root), Memory: memory(), Celsius: temperature(thermal), Journal: [2]uint64{first, last},
	}
}

func (b *box) pushStatus() PushStatus {
	s := PushStatus{On: b.pusher.Enabled(), UnderWay: []Pushing{}}
	s.Waiting, s.Dead = b.store.PushCounts()
	for _, p := range b.pusher.Status() {
		lane, _, _ := strings.Cut(p.Target, "#")
		s.UnderWay = append(s.UnderWay, Pushing{p.ID.String(), lane, p.Sent, p.Of})
	}
	return s
}

func (b *box) brokerStatus() BrokerStatus {
	s := BrokerStatus{URL: b.cfg.MQTT.Broker}
	if b.announce != nil {
		s.Connected, s.Waiting, s.Error = b.announce.Status()
	}
	return s
}

// settingsTold is the body of /api/v1/config.
func (b *box) settingsTold() api.Settings {
	told := api.Settings{Sources: b.cfg.Sources}
	var err error
	if told.Config, err = b.cfg.table(); err != nil {
		b.log.Error("the settings could not be told", "error", err)
	}
	if b.settings == nil {
		return told
	}
	told.Undone = b.settings.whyUndone()
	if left := b.settings.left().Seconds(); left > 0 {
		told.ConfirmWithin = &left
	}
	return told
}
