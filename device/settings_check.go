package device

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"clipd/device/api"
)

// settingsProblem tells a client everything that is wrong with settings, by key.
func settingsProblem(err error) error {
	p := api.NewProblem(api.BadRequest, "The settings were not saved", "")
	var texts []string
	for _, leaf := range leaves(err) {
		var k keyError
		if !errors.As(leaf, &k) {
			texts = append(texts, leaf.Error())
			continue
		}
		if k.where != "" && k.where != "configuration" && !strings.Contains(k.where, SettingsFile+":") {
			k.text += " (" + filepath.Base(k.where) + ")"
		}
		p.Errors = append(p.Errors, api.KeyError{Key: k.key, Detail: k.text})
		texts = append(texts, k.key+": "+k.text)
	}
	p.Detail = strings.Join(texts, "; ")
	return p
}

// leaves are the errors that were joined to err.
func leaves(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

// checkPorts tries the ports that c would take and before did not, so that a port somebody else has is told at once.
func (c *Config) checkPorts(before *Config) error {
	var errs []error
	try := func(key, addr, was string) {
		if addr == "" || port(addr) == port(was) {
			return // the socket on it is our own
		}
		ln, err := net.Listen("tcp", addr)
		switch {
		case errors.Is(err, unix.EADDRINUSE):
			errs = append(errs, keyError{"", key, takenText(addr)})
		case err != nil:
			errs = append(errs, keyError{"", key, fmt.Sprintf("clipd cannot listen there: %v", err)})
		default:
			ln.Close()
		}
	}
	try("http.listen", c.HTTP.Listen, before.HTTP.Listen)
	try("http.listen_tls", c.HTTP.ListenTLS, before.HTTP.ListenTLS)
	try("mqtt.embedded_listen", c.embeddedListen(), before.embeddedListen())
	return errors.Join(errs...)
}

// embeddedListen is where the embedded broker listens, "" without one.
func (c *Config) embeddedListen() string {
	if c.MQTT.Broker != defaultBroker || !c.asked("mqtt.broker") && !c.asked("mqtt.embedded_listen") {
		return "" // or it does not insist on its port
	}
	return c.MQTT.EmbeddedListen
}

// mayCutOff reports whether somebody who reaches a box with the configuration before may not reach it with after.
func mayCutOff(before, after *Config) bool {
	if before.HTTP.Listen != after.HTTP.Listen || before.HTTP.ListenTLS != after.HTTP.ListenTLS {
		return true
	}
	names := after.names()
	return slices.ContainsFunc(before.names(), func(name string) bool { return !slices.Contains(names, name) })
}

// names are what a browser may call the box by configuration.
func (c *Config) names() []string {
	names := slices.Clone(c.HTTP.Hosts)
	if u, err := url.Parse(c.HTTP.PublicURL); err == nil && u.Host != "" {
		names = append(names, u.Hostname())
	}
	return names
}
