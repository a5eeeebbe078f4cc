// Command bundle makes the keys that sign updates, and the signed bundles that clipctl update sends (clipd/device/update
// has the format).
//
//	bundle key PRIVATE PUBLIC                                     makes both files; neither may be there
//	bundle sign -key PRIVATE -version V -arch A -built SECONDS PROGRAM BUNDLE
//
// A key is base64 on one line. PRIVATE belongs where no repository and no image sees it.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"clipd/device/update"
)

var errUsage = errors.New("usage: bundle key PRIVATE PUBLIC, or bundle sign -key PRIVATE -version V -arch A -built SECONDS PROGRAM BUNDLE")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "key":
		return makeKey(args[1], args[2])
	case len(args) > 1 && args[0] == "sign":
		return sign(args[1:])
	}
	return errUsage
}

func makeKey(private, public string) error {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	if err := create(private, base64.StdEncoding.EncodeToString(key.Seed())+"\n", 0o600); err != nil {
		return err
	}
	return create(public, base64.StdEncoding.EncodeToString(pub)+"\n", 0o644)
}

// create writes a file that must not be there: a key that is lost cannot be made again.
func create(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func sign(args []string) error {
	var m update.Manifest
	flags := flag.NewFlagSet("bundle sign", flag.ContinueOnError)
	private := flags.String("key", "", "the private key")
	flags.StringVar(&m.Version, "version", "", "of the program")
	flags.StringVar(&m.Arch, "arch", "", "as Debian names it")
	flags.Int64Var(&m.Built, "built", 0, "time of the commit, in Unix seconds")
	if err := flags.Parse(args); err != nil || flags.NArg() != 2 {
		return errors.Join(err, errUsage)
	}
	text, err := os.ReadFile(*private)
	if err != nil {
		return err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("%s is no private key", *private)
	}
	return write(flags.Arg(1), flags.Arg(0), m, ed25519.NewKeyFromSeed(seed))
}

// write makes the bundle whole or not at all.
func write(path, program string, m update.Manifest, key ed25519.PrivateKey) error {
	out, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	m.Files = []update.File{{Name: "clipd"}}
	err = update.Write(out, m, key, func(string) (io.ReadCloser, error) { return os.Open(program) })
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".part"))
	}
	return os.Rename(path+".part", path)
}
