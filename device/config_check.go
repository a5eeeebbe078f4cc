package device

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"clipd/device/ingest"
)

// verbs are all there are; mqtt.requests allows some of them.
var verbs = []string{"ping", "status", "list", "link", "push", "pin", "unpin", "delete", "replay", "rescan", "ack"}

// check says everything that is wrong with the values, each with its key and where it was set.
func (c *Config) check() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		where := c.Sources[key]
		if where == "" {
			where = "configuration"
		}
		errs = append(errs, keyError{where, key, fmt.Sprintf(format, args...)})
	}
	c.checkBox(bad)
	c.checkHTTP(bad)
	c.checkMQTT(bad)
	c.checkTargets(bad)
	c.checkPoster(bad)
	return errors.Join(errs...)
}

// keyError is what is wrong with one key.
type keyError struct{ where, key, text string }

func (e keyError) Error() string { return e.where + ": " + e.key + ": " + e.text }

type complain func(key, format string, args ...any)

func (c *Config) checkBox(bad complain) {
	if c.Hash != "sha256" && c.Hash != "none" {
		bad("hash", `%q is neither "sha256" nor "none"`, c.Hash)
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil {
		bad("time_zone", `%q is no time zone this system knows; write it like "Europe/Berlin"`, c.TimeZone)
	}
	for _, k := range c.Cameras {
		if err := ingest.CheckMatch(k.Match); err != nil {
			bad("camera.match", "%v; write it like \"cam1/**\"", err)
		}
		if k.Name == "" {
			bad("camera.name", "the camera that matches %q needs a name", k.Match)
		}
	}
	c.checkKeep(bad)
}

func (c *Config) checkHTTP(bad complain) {
	checkAddress(bad, "http.listen", c.HTTP.Listen)
	if c.HTTP.ListenTLS != "" {
		checkAddress(bad, "http.listen_tls", c.HTTP.ListenTLS)
	}
	if (c.HTTP.Cert == "") != (c.HTTP.Key == "") {
		bad("http.cert", "cert and key come together or not at all")
	}
	if c.HTTP.MaxTransfers < 1 || c.HTTP.MaxTransfers > 100_000 {
		bad("http.max_transfers", "%d is not between 1 and 100000", c.HTTP.MaxTransfers)
	}
	if c.HTTP.PublicURL != "" {
		checkURL(bad, "http.public_url", c.HTTP.PublicURL, "http", "https")
	}
}

// checkAddress takes what net.Listen takes, numbers only: a name in a listen address breaks when DNS does.
func checkAddress(bad complain, key, addr string) {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host != "" && host != "localhost" {
		_, err = netip.ParseAddr(host)
	}
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		bad(key, `%q is not an address to listen on; write it like ":8470" or "127.0.0.1:8470"`, addr)
	}
}

func checkURL(bad complain, key, text string, schemes ...string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		bad(key, "%q is not a URL; it starts with %s", text, strings.Join(schemes, ":// or ")+"://")
		return
	}
	if u.User != nil {
		bad(key, "a user name or password does not stand in a URL; use username and password_file")
	}
}

func (c *Config) checkMQTT(bad complain) {
	switch c.MQTT.Broker {
	case defaultBroker:
		checkAddress(bad, "mqtt.embedded_listen", c.MQTT.EmbeddedListen)
	case noBroker:
	default:
		checkURL(bad, "mqtt.broker", c.MQTT.Broker, "tcp", "tls", "ws", "wss")
	}
	for _, v := range c.MQTT.Requests {
		if !slices.Contains(verbs, v) {
			bad("mqtt.requests", "%q is no request; there are: %s", v, strings.Join(verbs, " "))
		}
	}
	if c.MQTT.Prefix == "" || strings.ContainsAny(c.MQTT.Prefix, "+#\x00") || strings.HasPrefix(c.MQTT.Prefix, "$") {
		bad("mqtt.prefix", "%q cannot begin a topic", c.MQTT.Prefix)
	}
}

func (c *Config) checkTargets(bad complain) {
	for name, t := range c.Targets {
		key := "target." + name
		switch {
		case (t.URL == "") == (t.S3 == ""):
			bad(key, "needs either url or s3")
		case t.S3 != "" && t.Bucket == "":
			bad(key, "s3 needs a bucket")
		}
		if t.URL != "" {
			checkURL(bad, key+".url", strings.NewReplacer("{", "", "}", "").Replace(t.URL), "http", "https")
		}
		if t.When != "" && t.When != "added" && t.When != "request" {
			bad(key+".when", `%q is neither "added" nor "request"`, t.When)
		}
	}
	for _, u := range c.Push.Allow {
		checkURL(bad, "push.allow", u, "http", "https")
	}
}
