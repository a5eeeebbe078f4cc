package httpd

import (
	"fmt"
	"runtime"

	"github.com/VictoriaMetrics/metrics"

	"clipd/device/sendfile"
	"clipd/store"
)

// metricSet is what /metrics tells about the HTTP side and the catalogue.
type metricSet struct{ set *metrics.Set }

func newMetrics(s *Server) *metricSet {
	m := &metricSet{metrics.NewSet()}
	m.set.NewGauge("clipd_event_streams", func() float64 { return float64(s.streams.Load()) })
	for name, of := range map[string]func(store.Totals) float64{
		"clipd_clips":         func(t store.Totals) float64 { return float64(t.Clips) },
		"clipd_clip_bytes":    func(t store.Totals) float64 { return float64(t.Bytes) },
		"clipd_clips_pending": func(t store.Totals) float64 { return float64(t.Pending) },
		"clipd_partials":      func(t store.Totals) float64 { return float64(t.Partials) },
	} {
		m.set.NewGauge(name, func() float64 { return of(s.totals()) })
	}
	m.set.NewGauge("clipd_goroutines", func() float64 { return float64(runtime.NumGoroutine()) })
	m.moving(s.engine)
	m.set.NewGauge("clipd_journal_seq", func() float64 { _, last := s.cfg.Store.Journal(); return float64(last) })
	m.set.NewGauge(fmt.Sprintf("clipd_info{version=%q,box=%q}", s.cfg.Version, s.cfg.Box.ID), func() float64 { return 1 })
	return m
}

// moving adds what the engine tells. Stats is asked for each line anew: a scrape is rare, and it copies counters.
func (m *metricSet) moving(e *sendfile.Engine) {
	for name, of := range map[string]func(sendfile.Stats) int{
		"clipd_transfers":           func(st sendfile.Stats) int { return st.Transfers },
		"clipd_connections":         func(st sendfile.Stats) int { return st.Conns },
		"clipd_connections_parked":  func(st sendfile.Stats) int { return st.Parked },
		"clipd_connections_waiting": func(st sendfile.Stats) int { return st.Waiting },
	} {
		m.set.NewGauge(name, func() float64 { return float64(of(e.Stats())) })
	}
	for name, of := range map[string]func(sendfile.Stats) uint64{
		`clipd_sent_bytes_total{by="sendfile"}`: func(st sendfile.Stats) uint64 { return st.Bytes },
		`clipd_sent_bytes_total{by="copy"}`:     func(st sendfile.Stats) uint64 { return st.Copied },
		"clipd_connections_total":               func(st sendfile.Stats) uint64 { return st.Accepted },
		"clipd_connections_evicted_total":       func(st sendfile.Stats) uint64 { return st.Evicted },
		"clipd_connections_refused_total":       func(st sendfile.Stats) uint64 { return st.Refused },
	} {
		m.set.NewGauge(name, func() float64 { return float64(of(e.Stats())) })
	}
	for end := sendfile.Done; end <= sendfile.Refused; end++ {
		m.set.NewGauge(fmt.Sprintf("clipd_transfers_ended_total{end=%q}", end), func() float64 { return float64(e.Stats().Ended[end]) })
	}
}

// totals are those of the catalogue; zero when it cannot be read, which the log of whoever changes it tells.
func (s *Server) totals() store.Totals {
	t, err := s.cfg.Store.Totals()
	if err != nil {
		return store.Totals{}
	}
	return t
}

// request counts by pattern, not by address: the number of series stays small. "" is what no route takes.
func (m *metricSet) request(pattern string) {
	m.set.GetOrCreateCounter(fmt.Sprintf("clipd_http_requests_total{route=%q}", pattern)).Inc()
}

func (m *metricSet) problem(slug string) {
	m.set.GetOrCreateCounter(fmt.Sprintf("clipd_http_problems_total{type=%q}", slug)).Inc()
}
