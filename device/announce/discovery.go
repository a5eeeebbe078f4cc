package announce

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"clipd/store"
)

// Device is what Home Assistant is told of the board beside what every message says.
type Device struct {
	Model  string   // "Raspberry Pi Zero 2 W"; "" if it is not known
	MAC    string   // of a network interface, colons between the bytes; "" if there is none
	Expect []string // cameras that must bring a clip every so often; state says which of them do
}

// The types below are Home Assistant's MQTT device discovery, as far as a box needs it. Topics stand in full: ~ is not
// handed down from the root to the components.

type document struct {
	Device       board                `json:"device"`
	Origin       origin               `json:"origin"`
	Availability []availability       `json:"availability"`
	StateTopic   string               `json:"state_topic"`
	QoS          int                  `json:"qos"`
	Components   map[string]component `json:"components"`
}

type board struct {
	Identifiers   []string    `json:"identifiers"`
	Connections   [][2]string `json:"connections,omitempty"`
	Name          string      `json:"name"`
	Manufacturer  string      `json:"manufacturer"`
	Model         string      `json:"model,omitempty"`
	SerialNumber  string      `json:"serial_number"`
	Version       string      `json:"sw_version"`
	Configuration string      `json:"configuration_url,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw_version"`
}

type availability struct {
	Topic string `json:"topic"`
}

type component struct {
	Platform      string   `json:"platform"`
	UniqueID      string   `json:"unique_id"`
	Name          string   `json:"name"`
	EntityID      string   `json:"default_entity_id,omitempty"`
	StateTopic    string   `json:"state_topic,omitempty"`
	CommandTopic  string   `json:"command_topic,omitempty"`
	URLTopic      string   `json:"url_topic,omitempty"`
	URLTemplate   string   `json:"url_template,omitempty"`
	Attributes    string   `json:"json_attributes_topic,omitempty"`
	ValueTemplate string   `json:"value_template,omitempty"`
	PayloadPress  string   `json:"payload_press,omitempty"`
	EventTypes    []string `json:"event_types,omitempty"`
	DeviceClass   string   `json:"device_class,omitempty"`
	StateClass    string   `json:"state_class,omitempty"`
	Unit          string   `json:"unit_of_measurement,omitempty"`
	Category      string   `json:"entity_category,omitempty"`
	ExpireAfter   int      `json:"expire_after,omitempty"` // seconds
	Icon          string   `json:"icon,omitempty"`
}

// eventTypes are all there are: Home Assistant warns of each one it was not told of.
var eventTypes = []string{
	string(store.ClipAdded), string(store.ClipRemoved), string(store.ClipPinned), string(store.ClipUnpinned), string(store.PushDone),
	string(store.PushFailed), string(store.TimeCorrected), string(store.Gap), string(store.StorageProblem), string(store.StorageOK),
}

// What is old is no news: a template that renders to nothing is dropped, so a scan fires no automation.
const onlyLive = "{{ value if value_json.origin == 'live' or value_json.event_type not in ['clip_added'] else '' }}"

// document is what Home Assistant shows of the box.
func (a *Announcer) document(base string) document {
	d := document{
		Device: board{
			Identifiers: []string{a.object()}, Name: a.cfg.Name, Manufacturer: "clipd", Model: a.cfg.Device.Model,
			SerialNumber: a.cfg.Box, Version: a.cfg.Version, Configuration: base + "/",
		},
		Origin:       origin{"clipd", a.cfg.Version},
		Availability: []availability{{a.topics.availability()}},
		StateTopic:   a.topics.state(), QoS: 1, Components: map[string]component{},
	}
	if a.cfg.Device.MAC != "" {
		d.Device.Connections = [][2]string{{"mac", a.cfg.Device.MAC}}
	}
	for _, part := range []map[string]component{a.clips(), measures(), a.controls(), a.retention(), a.recorders()} {
		for key, c := range part {
			c.UniqueID = a.object() + "_" + key
			d.Components[key] = c
		}
	}
	return d
}

// object is the box's name in ids and topics of Home Assistant, which take letters, digits, _ and - only.
func (a *Announcer) object() string { return "clipd_" + slug(a.cfg.Box) }

// clips are the entities about clips.
func (a *Announcer) clips() map[string]component {
	return map[string]component{
		"clip": {
			Platform: "event", Name: "Clip", EntityID: "event." + slug(a.cfg.Name) + "_clip", StateTopic: a.topics.event(),
			ValueTemplate: onlyLive, EventTypes: eventTypes, Icon: "mdi:filmstrip",
		},
		"poster": {Platform: "image", Name: "Latest picture", URLTopic: a.topics.poster(), URLTemplate: "{{ value_json.poster_url }}"},
		"last_clip": {
			Platform: "sensor", Name: "Last clip", DeviceClass: "timestamp", StateTopic: a.topics.last(),
			ValueTemplate: "{{ value_json.start }}", Attributes: a.topics.last(),
		},
	}
}

// measures are the entities that read the state topic.
func measures() map[string]component {
	const measurement, diagnostic = "measurement", "diagnostic"
	return map[string]component{
		"clips": {Platform: "sensor", Name: "Clips stored", StateClass: measurement, ValueTemplate: "{{ value_json.clips }}"},
		"used": {
			Platform: "sensor", Name: "Recordings size", DeviceClass: "data_size", Unit: "B", StateClass: measurement,
			Category: diagnostic, ValueTemplate: "{{ value_json.bytes_used }}",
		},
		"free": {
			Platform: "sensor", Name: "Storage free", DeviceClass: "data_size", Unit: "B", StateClass: measurement,
			Category: diagnostic, ValueTemplate: "{{ value_json.bytes_free }}", ExpireAfter: 900,
		},
		"pushes": {
			Platform: "sensor", Name: "Pushes waiting", StateClass: measurement, Category: diagnostic,
			ValueTemplate: "{{ value_json.pushes_waiting }}",
		},
		"storage_problem": {
			Platform: "binary_sensor", Name: "Storage", DeviceClass: "problem", Category: diagnostic,
			ValueTemplate: "{{ 'ON' if value_json.storage_problem else 'OFF' }}",
		},
	}
}

// controls are the entities that ask something of the box, as far as it is allowed. Their payloads have no transaction:
// with a constant one the second press of a button would be taken for the first.
func (a *Announcer) controls() map[string]component {
	c := map[string]component{}
	if a.cfg.SetPushing != nil {
		c["push"] = component{
			Platform: "switch", Name: "Push", StateTopic: a.topics.pushState(), CommandTopic: a.topics.pushSet(), Category: "config",
		}
	}
	if slices.Contains(a.cfg.Requests, "rescan") {
		c["rescan"] = component{
			Platform: "button", Name: "Rescan", CommandTopic: a.topics.request("rescan"), PayloadPress: "{}", Category: "diagnostic",
		}
	}
	if slices.Contains(a.cfg.Requests, "push") {
		c["push_latest"] = component{
			Platform: "button", Name: "Push latest clip", CommandTopic: a.topics.request("push"), PayloadPress: `{"latest":true}`,
		}
	}
	return c
}

// recorders say of each camera that must bring clips whether it does.
func (a *Announcer) recorders() map[string]component {
	c := map[string]component{}
	for _, camera := range a.cfg.Device.Expect {
		key := "recording_" + slug(camera)
		for _, taken := c[key]; taken; _, taken = c[key] {
			key += "_"
		}
		c[key] = component{
			Platform: "binary_sensor", Name: camera + " recording", DeviceClass: "running",
			ValueTemplate: "{{ 'ON' if value_json.recording[" + quoted(camera) + "] else 'OFF' }}",
		}
	}
	return c
}

// slug is a name as Home Assistant makes ids of names.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return unicode.ToLower(r)
		}
		return '_'
	}, name)
}

// quoted is a string of a Jinja template.
func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

// birth is where Home Assistant says that it has come up.
func birth(discovery string) string { return discovery + "/status" }

func (a *Announcer) documentTopic(discovery string) string {
	return discovery + "/device/" + a.object() + "/config"
}

// discovery publishes the document, and clears it where an earlier run left it and it does not belong any more.
func (s *session) discovery() {
	s.greeted = time.Time{}
	if s.shown != "" && s.shown != s.cfg.Discovery {
		old := s.documentTopic(s.shown)
		s.publish(old, true, nil, func() { s.noteShown() })
	}
	if s.cfg.Discovery == "" {
		return
	}
	if s.shown == "" {
		s.noteShown() // before the document: one that nobody remembers is never cleared
	}
	s.status.asked = s.asked()
	s.publish(s.documentTopic(s.cfg.Discovery), true, encode(s.document(s.base)), nil)
}

// noteShown remembers that the document is where the configuration says.
func (s *session) noteShown() {
	if err := s.cfg.NoteShown(s.cfg.Discovery); err != nil {
		s.cfg.Log.Error("where Home Assistant finds the box was not noted", "error", err)
		return
	}
	s.shown = s.cfg.Discovery
}
