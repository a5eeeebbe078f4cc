package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"clipd/device/api"
)

// way checks that something answers at the address, and that it is a box.
func (d *doctor) way(ctx context.Context) []finding {
	resp, err := d.box.get(ctx, "/healthz", nil, nil)
	if err == nil {
		resp.Body.Close()
		return []finding{{"address", true, d.box.base.String() + " answers", ""}}
	}
	x := finding{Check: "address", Found: err.Error()}
	var name *net.DNSError
	switch {
	case errors.Is(err, errKey):
		x.Fix = "If you set the box up anew: clipctl login " + d.box.base.String()
	case errors.As(err, &name):
		x.Fix = "The name is not known here. Use the box's address, or find it: clipctl discover"
	case errors.Is(err, syscall.ECONNREFUSED):
		x.Fix = "The machine is there, but nothing listens on that port. On it: systemctl status clipd; journalctl -u clipd -n 50"
	case isPassing(err):
		x.Fix = "Is the box on, and on this network? clipctl discover; ping " + d.box.base.Hostname()
	default:
		x.Fix = "Something else answers at that address. Look for the box: clipctl discover"
	}
	return []finding{x}
}

// credentials checks the token, and keeps the status for the other checks.
func (d *doctor) credentials(ctx context.Context) []finding {
	err := d.box.read(ctx, "/api/v1/status", nil, &d.status)
	var p *api.Problem
	switch {
	case err == nil:
		return []finding{{"token", true, "accepted; this is " + d.status.Name + " (" + d.status.Box + "), clipd " + d.status.Version, ""}}
	case errors.As(err, &p) && p.Type == api.WrongHost:
		return []finding{{"token", false, p.Title, "The box does not know itself by that name. Add it to http.hosts in its configuration, or use its address"}}
	case errors.As(err, &p) && (p.Status == 401 || p.Status == 403):
		return []finding{{"token", false, "refused: " + p.Title, "On the box: clipd -add-token NAME=operator; then here: clipctl login " + d.box.base.String()}}
	}
	return []finding{{"token", false, err.Error(), "On the box: journalctl -u clipd -n 50"}}
}

// root checks the recordings folder and its marker.
func (d *doctor) root(context.Context) []finding {
	said := d.status.StorageProblem
	if said == "" {
		return []finding{{"root", true, fmt.Sprintf("there; %d clips, %s", d.status.Clips, size(d.status.BytesUsed)), ""}}
	}
	x := finding{Check: "root", Found: said}
	switch low := strings.ToLower(said); {
	case strings.Contains(low, "marker"), strings.Contains(low, "foreign"), strings.Contains(low, "adopt"):
		x.Check, x.Fix = "marker", "If this disk is to be the box's own from now on: clipctl adopt. If not, put the right one back"
	case strings.Contains(low, "read-only"), strings.Contains(low, "read only"):
		x.Fix = "The file system can only be read. On the box: dmesg | tail; fsck it, or replace the card"
	case strings.Contains(low, "full"), strings.Contains(low, "space"):
		x.Fix = "Make room: clipctl rm, or set keep.free in the configuration"
	default:
		x.Fix = "Mount the disk, or correct root in the configuration; the box notices by itself. On it: clipd -check-config"
	}
	return []finding{x}
}

// disk checks that there is room.
func (d *doctor) disk(context.Context) []finding {
	const least = 500_000_000
	free := d.status.BytesFree
	if d.status.StorageProblem != "" && free == 0 {
		return nil // said already
	}
	x := finding{"disk", free >= least, size(free) + " free", ""}
	if !x.OK {
		x.Fix = `Set keep.free = "2GB" in the configuration so that old clips make room, or delete some: clipctl rm`
	}
	return []finding{x}
}

// recorder checks that clips come in and are whole.
func (d *doctor) recorder(context.Context) []finding {
	s := &d.status
	const fix = "Is the recorder running, and does it write beneath the root? On the box: systemctl status; clipd -check-config tries the folder"
	switch {
	case s.Scanning:
		return []finding{{"recorder", true, fmt.Sprintf("the box looks through the disk now (%d of %d)", s.Scan.Done, s.Scan.Total), ""}}
	case s.Clips == 0 && s.Partial > 0:
		return []finding{{"recorder", false, fmt.Sprintf("no clip, but %d files that are not settled", s.Partial), "The recorder does not end its files, or was killed: GET /api/v1/partial tells why for each"}}
	case s.Clips == 0:
		return []finding{{"recorder", false, "there is no clip yet", fix}}
	}
	age := d.now().Sub(s.Newest.Time).Round(time.Second)
	if age > 24*time.Hour {
		return []finding{{"recorder", false, fmt.Sprintf("the newest clip is of %s, %v ago", localTime(s.Newest.Time), age), fix}}
	}
	return []finding{{"recorder", true, "the newest clip is of " + localTime(s.Newest.Time), ""}}
}

// clock checks that the box trusts its clock and that it agrees with this machine's.
func (d *doctor) clock(ctx context.Context) []finding {
	const most = 5 * time.Second
	x := finding{"clock", d.status.ClockSynced, choose(d.status.ClockSynced, "trusted", "not set by NTP: starts of clips and retention by age cannot be trusted"), ""}
	if !x.OK {
		x.Fix = "On the box: timedatectl set-ntp true; it needs a way to an NTP server, or a clock with a battery"
	}
	resp, err := d.box.get(ctx, "/healthz", nil, nil)
	if err != nil {
		return []finding{x}
	}
	resp.Body.Close()
	there, err := time.Parse(time.RFC1123, resp.Header.Get("Date"))
	if off := d.now().Sub(there); err == nil && off.Abs() > most {
		return []finding{x, {"clock", false, fmt.Sprintf("differs from this machine's by %v", off.Round(time.Second)), "Links expire by the box's clock. Set both by NTP"}}
	}
	return []finding{x}
}

// announcer checks the box's way to its broker.
func (d *doctor) announcer(context.Context) []finding {
	b := d.status.Broker
	switch {
	case b.URL == "none" || b.URL == "":
		return []finding{{"broker", true, "none is configured: nothing is announced over MQTT", ""}}
	case b.Connected:
		return []finding{{"broker", true, fmt.Sprintf("connected to %s, %d announcements wait", redacted(b.URL), b.Waiting), ""}}
	}
	x := finding{Check: "broker", Found: "not connected to " + redacted(b.URL) + choose(b.Error != "", ": "+b.Error, "")}
	switch low := strings.ToLower(b.Error); {
	case strings.Contains(low, "user"), strings.Contains(low, "password"), strings.Contains(low, "authori"):
		x.Fix = "Correct mqtt.username and the file of mqtt.password_file, then: systemctl reload clipd"
	case strings.Contains(low, "refused"):
		x.Fix = "No broker listens there. Start it, or correct mqtt.broker"
	case strings.Contains(low, "certificate"), strings.Contains(low, "x509"):
		x.Fix = "Set mqtt.ca to the certificate that vouches for the broker's"
	case strings.Contains(low, "no such host"):
		x.Fix = "The box cannot find that name. Use the broker's address in mqtt.broker"
	default:
		x.Fix = "Can the box reach the broker? Correct mqtt.broker; announcements wait meanwhile, none is lost"
	}
	return []finding{x}
}

// redacted is an address without a password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the broker"
	}
	return u.Redacted()
}
