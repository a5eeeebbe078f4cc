package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"clipd/store"
)

// problemFile tells clipd what is wrong with the boot partition; every line is a problem of the box.
const problemFile = "boot-problem"

// errWritten marks what people wrote wrongly: the system is in order, and every boot says so again until it is mended.
var errWritten = errors.New("nothing was erased from the boot partition; mend the file there and start the box again")

// take brings what people put on the boot partition into place. The order is what keeps a power cut from losing it:
//
//  1. settings of the first boot are set, each on disk before the next
//  2. the configuration without them is written beside the one in use, and clipd judges it
//  3. it takes its place, and folder and file are on the data partition's disk
//  4. only then the file on FAT is overwritten and removed
//
// A cut anywhere leaves the file on FAT, and the next boot does all of it again.
func (b *boot) take() error {
	problem, again := b.dataProblem(), b.setAgain()
	lost, undone := b.undoTrial()
	err := errors.Join(problem, again, undone, b.takeFiles(), b.nameHost())
	return errors.Join(err, b.noteProblem(err), b.noteNetwork(lost))
}

// names are what the file may be called; some editors add .txt and hide that they did. The last is what the image's own
// scripts write for Raspberry Pi Imager.
var names = []string{"clipd.toml", "clipd.toml.txt", "imager.toml"}

func (b *boot) takeFiles() error {
	var errs []error
	for _, name := range names {
		if err := b.takeFile(name); err != nil {
			errs = append(errs, fmt.Errorf("%s on the boot partition: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// takeFile takes the file called name, if there is one.
func (b *boot) takeFile(name string) error {
	path := filepath.Join(b.at(firmwareDir), name)
	text, err := read(path)
	if err != nil || text == "" {
		return err
	}
	if err := b.bring(text); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "clipd-boot: took %s from the boot partition\n", name)
	return writable(b.at(firmwareDir), func() error { return erase(path) })
}

func (b *boot) bring(text string) error {
	text, err := plain(text)
	if err != nil {
		return errors.Join(err, errWritten)
	}
	first, rest, err := split(text)
	err = errors.Join(err, b.apply(first))
	if rest != "" {
		err = errors.Join(err, b.keep(rest))
	}
	if err != nil {
		return errors.Join(err, errWritten)
	}
	return nil
}

// keep puts the configuration into place if clipd accepts it there.
func (b *boot) keep(text string) error {
	path := b.at(configFile)
	fresh := path + ".new"
	if err := place(fresh, text, 0o600); err != nil {
		return err
	}
	if err := b.judge(fresh); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if fi, err := os.Stat(b.at(boxDir)); err == nil {
		if err := chownLike(fresh, fi); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// judge asks clipd, with the credentials that its unit will give it.
func (b *boot) judge(path string) error {
	check := exec.Command(b.clipd, "-config", path, "-check-config")
	check.Env = append(os.Environ(), "CREDENTIALS_DIRECTORY="+b.at(credentials))
	var said strings.Builder
	check.Stderr = &said
	if err := check.Run(); err != nil {
		if said.Len() == 0 {
			return fmt.Errorf("ask clipd about the configuration: %w", err)
		}
		text := strings.TrimPrefix(strings.TrimSpace(said.String()), "clipd: ")
		return errors.New(strings.ReplaceAll(text, path, "clipd.toml"))
	}
	return nil
}

// noteProblem leaves problem where clipd reads it at its start, and removes what an earlier boot left there.
func (b *boot) noteProblem(problem error) error {
	return b.asBox(func() error {
		if problem != nil {
			return store.WriteFile(b.at(stateDir), problemFile, []byte(problem.Error()+"\n"), 0o600)
		}
		if err := os.Remove(filepath.Join(b.at(stateDir), problemFile)); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	})
}
