package device

import (
	"time"

	"clipd/device/ingest"
)

// Config is everything a box can be told; design.md "Configuration" documents each key. Make one with Defaults or Load.
type Config struct {
	Name     string   `toml:"name"`
	Root     string   `toml:"root"`
	State    string   `toml:"state"`
	TimeZone string   `toml:"time_zone"`
	Hash     string   `toml:"hash"`
	Pictures bool     `toml:"pictures"`
	Cameras  []Camera `toml:"camera"`

	HTTP    HTTP              `toml:"http"`
	MQTT    MQTT              `toml:"mqtt"`
	Keep    Keep              `toml:"keep"`
	Push    Push              `toml:"push"`
	Targets map[string]Target `toml:"target"`
	Poster  Poster            `toml:"poster"`

	// Sources says where each value that is no default came from: key -> "FILE:LINE", "-dir" …
	Sources map[string]string `toml:"-"`
	file    string            // the file of -config, "" if there is none
	flags   Flags             // what it was loaded with
	piped   []byte            // what stood on standard input
}

// Camera names the files a glob matches.
type Camera struct {
	Match  string   `toml:"match"`
	Name   string   `toml:"name"`
	Expect Duration `toml:"expect"`
}

// HTTP says where the box listens and what one client may take.
type HTTP struct {
	Listen       string   `toml:"listen"`
	ListenTLS    string   `toml:"listen_tls"`
	Cert         string   `toml:"cert"`
	Key          string   `toml:"key"`
	PublicURL    string   `toml:"public_url"`
	Hosts        []string `toml:"hosts"`
	MaxTransfers int      `toml:"max_transfers"`
	TransferRate Size     `toml:"transfer_rate"`
	TotalRate    Size     `toml:"total_rate"`
}

// MQTT says which broker hears of clips and what may be asked through it.
type MQTT struct {
	Broker         string   `toml:"broker"`
	EmbeddedListen string   `toml:"embedded_listen"`
	Username       string   `toml:"username"`
	PasswordFile   string   `toml:"password_file"`
	CA             string   `toml:"ca"`
	Prefix         string   `toml:"prefix"`
	Discovery      string   `toml:"discovery"`
	Requests       []string `toml:"requests"`
	LinkTTL        Duration `toml:"link_ttl"`
	AnnounceWithin Duration `toml:"announce_within"`
}

// Keep says which clips may go. Nothing set: nothing is deleted.
type Keep struct {
	Age            Duration    `toml:"age"`
	Size           Size        `toml:"size"`
	Free           Share       `toml:"free"`
	Undelivered    []string    `toml:"undelivered"`
	ForgetConsumer Duration    `toml:"forget_consumer"`
	LastResort     bool        `toml:"last_resort"`
	Partial        Duration    `toml:"partial"`
	Classes        []KeepClass `toml:"class"`
}

// KeepClass is a set of clips, by camera or path or both, with an age or size of its own.
type KeepClass struct {
	Camera string   `toml:"camera"`
	Match  string   `toml:"match"`
	Age    Duration `toml:"age"`
	Size   Size     `toml:"size"`
}

// Push bounds what leaves the box by itself.
type Push struct {
	Allow []string `toml:"allow"`
	Rate  Size     `toml:"rate"`
}

// Target is somewhere clips are pushed to: URL or S3, never both.
type Target struct {
	URL             string   `toml:"url"`
	HeadersFile     string   `toml:"headers_file"`
	When            string   `toml:"when"`
	Backlog         bool     `toml:"backlog"`
	Cameras         []string `toml:"cameras"`
	S3              string   `toml:"s3"`
	Bucket          string   `toml:"bucket"`
	Region          string   `toml:"region"`
	CredentialsFile string   `toml:"credentials_file"`
	Key             string   `toml:"key"`
}

// Poster makes pictures for clips that came without one.
type Poster struct {
	Command []string `toml:"command"`
}

// The ports a box takes when nobody asked for others. A default port that is taken is no error.
const (
	defaultPort   = "8470"
	defaultListen = ":" + defaultPort
	defaultBroker = "embedded"
	noBroker      = "none"
	embedded      = "127.0.0.1:1883"
)

// Defaults is the configuration of an empty file.
func Defaults() Config {
	return Config{
		Root:  "/var/lib/clipd/recordings",
		State: "/var/lib/clipd/state",
		Hash:  "sha256",
		HTTP:  HTTP{Listen: defaultListen, MaxTransfers: 1024},
		MQTT: MQTT{
			Broker: defaultBroker, EmbeddedListen: embedded, Prefix: "clipd", Discovery: "homeassistant",
			Requests:       []string{"ping", "status", "list", "link", "push", "pin", "unpin", "replay", "rescan", "ack"},
			LinkTTL:        Duration(24 * time.Hour),
			AnnounceWithin: Duration(24 * time.Hour),
		},
		Keep:    Keep{ForgetConsumer: Duration(14 * 24 * time.Hour), LastResort: true},
		Sources: map[string]string{},
	}
}

// asked reports whether key was set by anything but the defaults.
func (c *Config) asked(key string) bool { return c.Sources[key] != "" }

// location is the zone of file names and days.
func (c *Config) location() *time.Location {
	if c.TimeZone == "" {
		return time.Local
	}
	l, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return time.Local // check refused it before
	}
	return l
}

func (c *Config) cameras() []ingest.Camera {
	var out []ingest.Camera
	for _, k := range c.Cameras {
		out = append(out, ingest.Camera{Match: k.Match, Name: k.Name, Expect: time.Duration(k.Expect)})
	}
	return out
}
