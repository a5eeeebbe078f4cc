package device

import (
	"strings"
	"time"

	"clipd/device/api"
)

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

func (b *box) status() api.Status {
	t, err := b.store.Totals()
	if err != nil {
		b.log.Error("totals could not be read", "error", err)
	}
	first, last := b.store.Journal()
	return api.Status{
		State: b.state(), Version: b.version, Box: b.id, Name: b.cfg.Name, Model: model(), URL: b.baseURL(nil),
		BootID: b.clock.Boot, Uptime: time.Since(b.started).Seconds(), Scan: api.Scan(b.ingest.Progress()),
		Broker: b.brokerStatus(), Push: b.pushStatus(), TLS: b.tlsStatus(), Partial: t.Partials,
		Disk: diskOf(b.root), Memory: memory(), Update: b.updates.status(), Celsius: temperature(thermal), Journal: [2]uint64{first, last},
	}
}

func (b *box) pushStatus() api.PushStatus {
	s := api.PushStatus{On: b.pusher.Enabled(), UnderWay: []api.Pushing{}}
	s.Waiting, s.Dead = b.store.PushCounts()
	for _, p := range b.pusher.Status() {
		lane, _, _ := strings.Cut(p.Target, "#")
		s.UnderWay = append(s.UnderWay, api.Pushing{ID: p.ID.String(), Target: lane, Sent: p.Sent, Size: p.Of})
	}
	return s
}

func (b *box) brokerStatus() api.BrokerStatus {
	s := api.BrokerStatus{URL: b.cfg.MQTT.Broker}
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
	b.wishes.tell(&told)
	return told
}
