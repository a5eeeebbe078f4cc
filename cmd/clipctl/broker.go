package main

import "github.com/spf13/pflag"

// brokerFlags name an MQTT broker.
type brokerFlags struct {
	url, ca, passwordFile, prefix string
}

func (f *brokerFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.url, "broker", "", "MQTT broker: tcp://, tls://, ws:// or wss://HOST[:PORT], with the user's name before an @ where it asks for one")
	p.StringVar(&f.ca, "broker-ca", "", "`FILE` of the certificate that vouches for the broker's")
	p.StringVar(&f.passwordFile, "broker-password-file", "", "`FILE` that holds the password for the broker (default $"+envBrokerPassword+")")
	p.StringVar(&f.prefix, "prefix", "clipd", "what the boxes' topics begin with (mqtt.prefix)")
}
