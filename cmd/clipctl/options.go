package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The environment stands in for flags that were not given.
const (
	envURL            = "CLIPCTL_URL"
	envToken          = "CLIPCTL_TOKEN"
	envBrokerPassword = "CLIPCTL_BROKER_PASSWORD"
)

// options are the flags every command has.
type options struct {
	url, token, tokenFile, key string
	name                       string
	all                        bool
	json                       bool
}

func (o *options) register(f *pflag.FlagSet) {
	f.StringVar(&o.url, "url", "", "address of the box, such as http://192.168.1.20:8470 (default $"+envURL+")")
	f.StringVar(&o.token, "token", "", "token to sign in with (default $"+envToken+"); others on this machine can see it, so prefer --token-file")
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` that holds the token")
	f.StringVar(&o.key, "key", "", "`HASH` of the key of the box's own certificate, as clipctl login shows it")
	f.StringVar(&o.name, "box", "", "the box that clipctl login gave this `NAME`")
	f.BoolVar(&o.all, "all", false, "every box that clipctl login knows")
	f.BoolVar(&o.json, "json", false, "print JSON, one object a line")
}

// complete lets shells complete the names of boxes.
func (o *options) complete(root *cobra.Command) {
	names := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := readConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return c.names(), cobra.ShellCompDirectiveNoFileComp
	}
	if err := root.RegisterFlagCompletionFunc("box", names); err != nil {
		panic(err) // there is no such flag
	}
}

// box is the one box these options name. No connection is made yet.
func (o *options) box() (*box, error) {
	if o.all {
		return nil, usageError("--all is for ls, status, events, pull and doctor; this command is for one box")
	}
	boxes, err := o.boxes()
	if err != nil {
		return nil, err
	}
	return boxes[0], nil
}

// named tells whether any box is named, by a flag or by the environment.
func (o *options) named() bool {
	return o.url != "" || o.name != "" || o.all || os.Getenv(envURL) != ""
}

// boxes are those these options name, at least one.
func (o *options) boxes() ([]*box, error) {
	c, err := readConfig()
	if err != nil {
		return nil, err
	}
	address := o.url
	if address == "" && o.name == "" && !o.all {
		address = os.Getenv(envURL)
	}
	switch {
	case (o.url != "" || o.name != "") && o.all, o.url != "" && o.name != "":
		return nil, usageError("--url, --box and --all exclude each other")
	case o.all:
		return o.every(c)
	case address != "":
		b, err := o.at(address, c)
		return []*box{b}, err
	}
	name, n, err := c.find(o.name)
	if err != nil {
		return nil, err
	}
	b, err := o.make(name, n)
	return []*box{b}, err
}

func (o *options) every(c config) (boxes []*box, err error) {
	if len(c.Box) == 0 {
		return nil, usageError("--all: " + c.known())
	}
	for _, name := range c.names() {
		b, err := o.make(name, c.Box[name])
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, b)
	}
	return boxes, nil
}

// at is the box at an address; where clipctl login knows the address, its token and key are used.
func (o *options) at(address string, c config) (*box, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	known := namedBox{}
	for _, n := range c.Box {
		if n.URL == base.String() {
			known = n
		}
	}
	known.URL = base.String()
	if t := os.Getenv(envToken); t != "" {
		known.Token = t
	}
	return o.make("", known)
}

// make is the box n, with what flags say in place of what was noted.
func (o *options) make(name string, n namedBox) (*box, error) {
	base, err := parseAddress(n.URL)
	if err != nil {
		return nil, err
	}
	token, err := o.secret(n.Token)
	if err != nil {
		return nil, err
	}
	if o.key != "" {
		n.Key = o.key
	}
	b := newBox(base, token)
	b.name = name
	b.pin(n.Key)
	return b, nil
}

func parseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usageError(fmt.Sprintf("%q is no address of a box; it looks like http://192.168.1.20:8470", address))
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = strings.TrimRight(u.Path, "/"), "", "", ""
	return u, nil
}

// secret is the token that flags name, else known.
func (o *options) secret(known string) (string, error) {
	switch {
	case o.token != "" && o.tokenFile != "":
		return "", usageError("--token and --token-file exclude each other")
	case o.token != "":
		return o.token, nil
	case o.tokenFile == "" && known != "":
		return known, nil
	case o.tokenFile == "":
		return os.Getenv(envToken), nil
	}
	return readSecret(o.tokenFile)
}

func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
