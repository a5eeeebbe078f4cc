package httpd

import (
	"slices"

	"clipd/device/httpd/web"
)

// setting is a key that the page of settings shows. What it does not show is changed in the configuration file, or by
// PUT /api/v1/config.
type setting struct {
	key, label, hint string
	kind             web.Kind
	placeholder      string
	choices          [][2]string
	secretOf         string // of a secret: the key that names its file, so that it can be said whether there is one
}

// part is a form on that page.
type part struct {
	id, title, hint string
	settings        []setting
	rows            *web.Rows
}

var yesNo = [][2]string{{"false", "no"}, {"true", "yes"}}

// parts are the forms, but for the targets, of which there are as many as are configured.
var parts = []part{
	{id: "box", title: "Box", settings: []setting{
		{key: "name", label: "Name", hint: "What people call it; by default the host name."},
		{key: "time_zone", label: "Time zone", hint: "Of days and of times in file names.", placeholder: "Europe/Berlin"},
		{key: "pictures", label: "Pictures are clips", hint: "Pictures without a recording are listed too.", kind: web.OneOf, choices: yesNo},
		{key: "hash", label: "Check sums", hint: "Needed for downloads of many clips as one ZIP.", kind: web.OneOf,
			choices: [][2]string{{"sha256", "SHA-256"}, {"none", "none, which saves one reading of each file"}}},
	}},
	{id: "keep", title: "What is kept", hint: "With nothing set, nothing is deleted. All rules hold at once; pinned clips always stay.", settings: []setting{
		{key: "keep.age", label: "Delete clips older than", placeholder: "30d"},
		{key: "keep.size", label: "Use at most", placeholder: "200GB"},
		{key: "keep.free", label: "Leave free on the disk", placeholder: "5% or 2GB"},
		{key: "keep.undelivered", label: "Wait for", hint: "Consumers and targets that must have a clip before it goes; one a line.", kind: web.Lines},
		{key: "keep.forget_consumer", label: "Forget a consumer after", placeholder: "14d"},
		{key: "keep.partial", label: "Delete partial files after", placeholder: "7d"},
	}, rows: &web.Rows{Key: "keep.class", Columns: []web.Column{
		{Key: "camera", Label: "Camera", Placeholder: "driveway"}, {Key: "match", Label: "or files that match", Placeholder: "driveway/**"},
		{Key: "age", Label: "Age", Placeholder: "7d"}, {Key: "size", Label: "Size", Placeholder: "50GB"}}}},
	{id: "mqtt", title: "MQTT", settings: []setting{
		{key: "mqtt.broker", label: "Broker", hint: "embedded runs one on this box.", placeholder: "embedded, none, tcp://host:1883, tls://host:8883"},
		{key: "mqtt.username", label: "User name"},
		{key: "mqtt.password", label: "Password", kind: web.Secret, secretOf: "mqtt.password_file"},
		{key: "mqtt.embedded_listen", label: "The embedded broker listens on", hint: "Any address but this box's own asks clients for the password in state/mqtt-password."},
		{key: "mqtt.discovery", label: "Home Assistant finds the box", kind: web.OneOf, choices: [][2]string{{"homeassistant", "yes"}, {"", "no"}}},
		{key: "mqtt.prefix", label: "Topics begin with"},
		{key: "mqtt.link_ttl", label: "Links in messages are good for", placeholder: "24h"},
		{key: "mqtt.announce_within", label: "Announce clips not older than", placeholder: "24h"},
		{key: "mqtt.requests", label: "Requests allowed", hint: "One a line: ping status list link push pin unpin delete replay rescan ack.", kind: web.Lines},
	}},
	{id: "network", title: "Network", hint: "What changes how the box is reached is undone after two minutes unless you keep it.", settings: []setting{
		{key: "http.listen", label: "HTTP listens on", placeholder: ":8470"},
		{key: "http.listen_tls", label: "HTTPS listens on", hint: "Empty: no HTTPS.", placeholder: ":8471"},
		{key: "http.public_url", label: "Address from outside", hint: "Links carry it. Empty: they work in this network only.", placeholder: "https://box.example.org"},
		{key: "http.hosts", label: "Further names of the box", hint: "That browsers use for it; one a line.", kind: web.Lines},
		{key: "http.max_transfers", label: "Downloads at once"},
		{key: "http.transfer_rate", label: "Speed of each download", hint: "Bytes per second; empty: no limit.", placeholder: "2MB"},
		{key: "http.total_rate", label: "Speed of all together", hint: "Bytes per second; empty: no limit.", placeholder: "10MB"},
		{key: "push.rate", label: "Speed of pushes", hint: "Bytes per second; empty: no limit.", placeholder: "1MB"},
		{key: "push.allow", label: "Addresses that requests may push to", hint: "One a line; what begins with them is allowed.", kind: web.Lines, placeholder: "https://s3.example.org"},
	}},
	{id: "cameras", title: "Cameras", hint: "By default a camera is the first folder of a recording's path.", rows: &web.Rows{Key: "camera", Columns: []web.Column{
		{Key: "match", Label: "Files that match", Placeholder: "cam1/**"}, {Key: "name", Label: "are of camera", Placeholder: "driveway"},
		{Key: "expect", Label: "A clip at least every", Placeholder: "10m"}}}},
}

// targetSettings are those of each target, below target.NAME.
var targetSettings = []setting{
	{key: "url", label: "URL for PUT", placeholder: "http://nas.local/in/{box_name}/{camera}/{date}/{name}"},
	{key: "headers", label: "Headers", hint: "Secrets such as “Authorization: Bearer …”.", kind: web.Secret, secretOf: "headers_file"},
	{key: "s3", label: "or S3 at", placeholder: "https://s3.example.org"},
	{key: "bucket", label: "Bucket"},
	{key: "region", label: "Region"},
	{key: "key", label: "Key", placeholder: "{box}/{camera}/{date}/{name}"},
	{key: "credentials", label: "Access key", hint: "The key’s id, a blank, and the secret key.", kind: web.Secret, secretOf: "credentials_file"},
	{key: "when", label: "Send", kind: web.OneOf, choices: [][2]string{{"added", "each new clip"}, {"request", "on request only"}}},
	{key: "backlog", label: "Older clips too", kind: web.OneOf, choices: yesNo},
	{key: "cameras", label: "Only of cameras", hint: "One a line; empty: of all.", kind: web.Lines},
}

// systemParts are those of the system around the box, which only the image tells of.
var systemParts = []part{
	{id: "recorder", title: "Recorder", hint: "Of all cameras that this board records itself; they start anew when it is saved. One camera alone: recorder-CAMERA.env.", settings: []setting{
		{key: "recorder.source", label: "Source", hint: "auto, rpicam, v4l2 (a USB camera), test, or the address of a network camera.", placeholder: "rtsp://user:password@camera/stream"},
		{key: "recorder.device", label: "Device of a USB camera", placeholder: "/dev/video0"},
		{key: "recorder.width", label: "Width"},
		{key: "recorder.height", label: "Height"},
		{key: "recorder.fps", label: "Pictures per second"},
		{key: "recorder.bitrate", label: "Bits per second"},
		{key: "recorder.encoder", label: "Encoder", kind: web.OneOf, choices: [][2]string{{"auto", "the chip’s where there is one"}, {"h264_v4l2m2m", "the chip’s"}, {"libx264", "software"}}},
		{key: "recorder.segment", label: "Seconds in a clip"},
		{key: "recorder.rpicam_options", label: "Options of rpicam-vid", hint: "How the picture is taken.", placeholder: "--rotation 180"},
	}},
	{id: "wifi", title: "Wi-Fi", hint: "The box joins the new network at once, and comes back to the old one unless you open it there and keep the settings within two minutes.", settings: []setting{
		{key: "wifi.ssid", label: "Network", hint: "Empty: no Wi-Fi."},
		{key: "wifi.password", label: "Network password", hint: "Empty: the one the box has. 8 to 63 characters.", kind: web.Secret, secretOf: "wifi.ssid"},
		{key: "wifi.country", label: "Country", hint: "It decides which channels are allowed.", placeholder: "AT"},
	}},
}

const targetPart = "target-"

// partsFor are all forms for these settings: parts, each target's, and that of a new one.
func partsFor(config map[string]any) []part {
	all := slices.Clone(parts)
	for _, p := range systemParts {
		if config[p.id] != nil {
			all = append(all, p)
		}
	}
	targets, _ := config["target"].(map[string]any)
	for _, name := range sortedKeys(targets) {
		all = append(all, part{id: targetPart + name, title: "Target " + text(name), settings: targetFields(name)})
	}
	fresh := []setting{{key: newTarget, label: "Name", hint: "Letters, digits, - and _.", placeholder: "nas"}}
	return append(all, part{id: targetPart, title: "New target", hint: "Clips are sent there by themselves.", settings: append(fresh, targetFields("")...)})
}

// newTarget is the field for a new target's name.
const newTarget = "new-target"

func targetFields(name string) []setting {
	out := make([]setting, len(targetSettings))
	for i, f := range targetSettings {
		f.key = "target." + name + "." + f.key
		if f.secretOf != "" {
			f.secretOf = "target." + name + "." + f.secretOf
		}
		out[i] = f
	}
	return out
}
