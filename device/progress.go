package device

import "time"

// patience is how long a part may show no sign of life before the watchdog lets systemd restart the box. It is shorter
// than WatchdogSec, so that the log names the part first.
const patience = 40 * time.Second

// progress notices a part that is stuck. Only one goroutine may use it.
type progress struct {
	announced uint64
	at        time.Time // when announced last changed
}

// stuck names the part that makes no progress, "" if all do.
func (b *box) stuck() string {
	switch {
	case !b.store.Alive(patience):
		return "catalogue"
	case time.Since(b.ingest.Beat()) > patience:
		return "ingest"
	case b.announce != nil && b.progress.stands(b.announce.Progress(), time.Now()):
		return "announcer"
	}
	return ""
}

// stands reports whether the announcer's count has not moved for longer than patience.
func (p *progress) stands(count uint64, now time.Time) bool {
	if count != p.announced || p.at.IsZero() {
		p.announced, p.at = count, now
	}
	return now.Sub(p.at) > patience
}
