package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// The environment stands in for flags that were not given.
const (
	envURL   = "CLIPCTL_URL"
	envToken = "CLIPCTL_TOKEN"
)

// options are the flags every command has.
type options struct {
	url, token, tokenFile string
	json                  bool
}

func (o *options) register(f *pflag.FlagSet) {
	f.StringVar(&o.url, "url", "", "address of the box, such as http://192.168.1.20:8470 (default $"+envURL+")")
	f.StringVar(&o.token, "token", "", "token to sign in with (default $"+envToken+"); others on this machine can see it, so prefer --token-file")
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` that holds the token")
	f.BoolVar(&o.json, "json", false, "print JSON, one object a line")
}

// box is the box these options name. No connection is made yet.
func (o *options) box() (*box, error) {
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	token, err := o.secret()
	if err != nil {
		return nil, err
	}
	return newBox(base, token), nil
}

func (o *options) base() (*url.URL, error) {
	address := o.url
	if address == "" {
		address = os.Getenv(envURL)
	}
	if address == "" {
		return nil, usageError("which box? Say --url http://ADDRESS:8470 or set " + envURL)
	}
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

func (o *options) secret() (string, error) {
	switch {
	case o.token != "" && o.tokenFile != "":
		return "", usageError("--token and --token-file exclude each other")
	case o.token != "":
		return o.token, nil
	case o.tokenFile == "":
		return os.Getenv(envToken), nil
	}
	b, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
