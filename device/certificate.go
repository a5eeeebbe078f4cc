package device

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"clipd/device/api"
	"clipd/device/certificate"
	"clipd/device/ktls"
)

// bindTLS takes the port of HTTPS and what is shown on it.
func (b *box) bindTLS(context.Context) (err error) {
	if b.cfg.HTTP.ListenTLS == "" {
		return nil
	}
	if err := b.openCertificate(); err != nil {
		return err
	}
	b.probeKernel()
	b.listenerTLS, err = b.ports.listen("http.listen_tls", b.cfg.HTTP.ListenTLS, true)
	return err
}

// probeKernel finds out whether the kernel encrypts, so that files need not pass through this process.
func (b *box) probeKernel() {
	var err error
	if b.kernelTLS, err = ktls.Probe(); err != nil {
		b.log.Info("HTTPS is encrypted by clipd itself, which costs more CPU; loading the kernel module tls before the start changes that", "reason", err)
		return
	}
	b.log.Info("HTTPS is encrypted by the kernel", "suites", b.kernelTLS)
}

// openCertificate makes ready what HTTPS shows, if the box speaks HTTPS.
func (b *box) openCertificate() (err error) {
	if b.cfg.HTTP.ListenTLS == "" {
		return nil
	}
	c := certificate.Config{
		Dir: b.cfg.State, Box: b.id, Names: b.cfg.ownNames, Clock: b.clock, Log: b.log,
		Problem: func(text string) { b.problems.set("certificate", text) },
	}
	if b.cfg.HTTP.Cert != "" {
		c.Read = b.cfg.readPair
	}
	if b.certificate, err = certificate.Open(c); err != nil {
		return err
	}
	b.log.Info("certificate for HTTPS", "key", api.KeyHash(b.certificate.Leaf()), "self_signed", !b.certificate.Supplied())
	return nil
}

// readPair reads what http.cert and http.key name.
func (c *Config) readPair() (cert, key []byte, err error) {
	certText, err := c.secretText("http.cert", c.HTTP.Cert)
	if err != nil {
		return nil, nil, err
	}
	keyText, err := c.secretText("http.key", c.HTTP.Key)
	return []byte(certText), []byte(keyText), err
}

// tlsConfig is how the box speaks TLS. Sessions are not resumed: a ticket would cost memory and a write for each
// connection, and the kernel takes over right after the handshake. HTTP/2 has no use for sendfile(2).
func (b *box) tlsConfig() *tls.Config {
	if b.certificate == nil {
		return nil
	}
	return &tls.Config{
		GetCertificate: b.certificate.Get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		SessionTicketsDisabled: true,
	}
}

func (b *box) tlsStatus() *api.TLSStatus {
	if b.certificate == nil {
		return nil
	}
	leaf := b.certificate.Leaf()
	return &api.TLSStatus{
		URL: "https://" + b.tlsAuthority(leaf, nil), Key: api.KeyHash(leaf), SelfSigned: !b.certificate.Supplied(),
		Names: namesOf(leaf), NotAfter: api.Time{Time: leaf.NotAfter}, Kernel: b.kernelTLS.String(),
	}
}

// hosts are the names browsers may use for the box beside its own: an owner's certificate says some.
func (b *box) hosts() []string {
	names := slices.Clone(b.cfg.HTTP.Hosts)
	if b.certificate != nil && b.certificate.Supplied() {
		names = append(names, b.certificate.Leaf().DNSNames...)
	}
	return names
}

func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// httpsURL is what stands before a path in messages where clients can verify the certificate: only for one that the
// owner supplied, and with a name that it is for. Else it is "".
func (b *box) httpsURL(local net.Addr) string {
	if b.certificate == nil || !b.certificate.Supplied() {
		return ""
	}
	leaf := b.certificate.Leaf()
	authority := b.tlsAuthority(leaf, local)
	host, _, _ := net.SplitHostPort(authority)
	if leaf.VerifyHostname(host) != nil {
		return ""
	}
	return "https://" + authority
}

// tlsAuthority is the first of these that the certificate is for: the address that others know us by, what people call
// the box, what the certificate is for. Without one it is that address.
func (b *box) tlsAuthority(leaf *x509.Certificate, local net.Addr) string {
	at := b.listenerTLS.Addr().(*net.TCPAddr).AddrPort()
	address := at.Addr()
	if address.IsUnspecified() {
		address = reachable(local)
	}
	names := slices.Concat([]string{address.Unmap().WithZone("").String()}, b.cfg.HTTP.Hosts, leaf.DNSNames)
	for _, name := range names {
		if !strings.Contains(name, "*") && leaf.VerifyHostname(name) == nil {
			return net.JoinHostPort(name, port(at.String()))
		}
	}
	return net.JoinHostPort(names[0], port(at.String()))
}

// reloadCertificate reads the owner's pair again.
func (b *box) reloadCertificate() error {
	if b.certificate == nil {
		return nil
	}
	before := api.KeyHash(b.certificate.Leaf())
	if err := b.certificate.Reload(); err != nil {
		return err
	}
	if now := api.KeyHash(b.certificate.Leaf()); now != before {
		b.log.Warn("the key for HTTPS is another one; clients that pinned the one before refuse the box", "key", now)
	}
	return nil
}

// checkPair tells w of the certificate that http.cert names.
func (c *Config) checkPair(w io.Writer) error {
	if c.HTTP.Cert == "" {
		return nil
	}
	cert, key, err := c.readPair()
	if err != nil {
		return err
	}
	pair, err := certificate.Parse(cert, key)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "certificate: for %s, until %s\n", strings.Join(namesOf(pair.Leaf), ", "), pair.Leaf.NotAfter.Format(time.DateOnly))
	return nil
}
