package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clipd/device/api"
)

func loginCommand(o *options) *cobra.Command {
	var l login
	cmd := &cobra.Command{
		Use:   "login ADDRESS",
		Short: "Note a box and its token in ~/.config/clipctl/config.toml, so that commands need neither",
		Long: `login asks for a token (clipd -add-token NAME=operator on the box makes one), tries it, and notes both under the name
of the box or --name. The file is readable by you alone. A box that made its certificate itself is known from then on by
the certificate's key: compare it with the one the box shows in its log, or give it with --key.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return l.run(cmd, o, args[0]) },
	}
	cmd.Flags().StringVar(&l.as, "name", "", "what to call it (default: the box's own name)")
	cmd.Flags().BoolVar(&l.byDefault, "default", false, "it is meant where no box is named")
	cmd.Flags().BoolVarP(&l.yes, "yes", "y", false, "take the key of the certificate as it is shown")
	return cmd
}

type login struct {
	as             string
	byDefault, yes bool
}

func (l *login) run(cmd *cobra.Command, o *options, address string) error {
	base, err := parseAddress(address)
	if err != nil {
		return err
	}
	c, err := readConfig()
	if err != nil {
		return err
	}
	n := namedBox{URL: base.String(), Key: o.key}
	if base.Scheme == "https" && n.Key == "" {
		if n.Key, err = l.trust(cmd, base, c.keyOf(base)); err != nil {
			return err
		}
	}
	if n.Token, err = o.secret(""); err == nil && n.Token == "" {
		n.Token, err = askToken(cmd)
	}
	if err != nil {
		return err
	}
	name, err := l.try(cmd.Context(), base, n)
	if err != nil {
		return err
	}
	if c.Box == nil {
		c.Box = map[string]namedBox{}
	}
	c.Box[name] = n
	if l.byDefault {
		c.Default = name
	}
	path, err := c.write()
	if err != nil {
		return fmt.Errorf("noting the token: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "signed in to %s; --box %s means it (%s)\n", base, name, path)
	return err
}

// unsafeName are the characters that a name on a command line is better without.
var unsafeName = regexp.MustCompile(`[^\p{L}\p{N}._-]+`)

// try signs in and returns what the box is to be called.
func (l *login) try(ctx context.Context, base *url.URL, n namedBox) (string, error) {
	b := newBox(base, n.Token)
	b.pin(n.Key)
	var s boxStatus
	if err := b.read(ctx, "/api/v1/status", nil, &s); err != nil {
		return "", fmt.Errorf("signing in to %s: %w", base, err)
	}
	if l.as != "" {
		return l.as, nil
	}
	if name := strings.Trim(unsafeName.ReplaceAllString(s.Name, "-"), "-"); name != "" {
		return name, nil
	}
	return s.Box, nil
}

// askToken reads a token without showing it.
func askToken(cmd *cobra.Command) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), "Token: ")
	f, ok := cmd.InOrStdin().(*os.File)
	var text string
	var err error
	if ok && term.IsTerminal(int(f.Fd())) {
		var b []byte
		b, err = term.ReadPassword(int(f.Fd()))
		text = string(b)
		fmt.Fprintln(cmd.ErrOrStderr())
	} else {
		text, err = bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", errors.Join(usageError("a token is needed: clipd -add-token NAME=viewer on the box makes one"), err)
	}
	return text, nil
}

// trust returns the key of a certificate that nobody vouches for, if it is to be trusted; "" for any other. known is the key
// noted for that address before.
func (l *login) trust(cmd *cobra.Command, base *url.URL, known string) (string, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialing}, Config: &tls.Config{InsecureSkipVerify: true}} // it is looked at below
	port := base.Port()
	if port == "" {
		port = "443"
	}
	c, err := d.DialContext(cmd.Context(), "tcp", net.JoinHostPort(base.Hostname(), port))
	if err != nil {
		return "", &url.Error{Op: "Get", URL: base.String(), Err: err}
	}
	defer c.Close()
	chain := c.(*tls.Conn).ConnectionState().PeerCertificates
	if vouched(chain, base.Hostname()) {
		return "", nil
	}
	key := api.KeyHash(chain[0])
	switch known {
	case "":
	case key:
		return key, nil
	default:
		return key, confirm(cmd, l.yes, fmt.Sprintf("The box shows the key %s now; noted is %s. Unless it was set up anew, somebody is in between. Take the new key?", key, known))
	}
	return key, confirm(cmd, l.yes, fmt.Sprintf("The box made its certificate itself. Its key is %s. Is that the one?", key))
}

// vouched tells whether this machine trusts the chain for host.
func vouched(chain []*x509.Certificate, host string) bool {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: between})
	return err == nil
}
