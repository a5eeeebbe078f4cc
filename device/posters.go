package device

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"clipd/device/poster"
)

const (
	posterDir = "posters" // in the state folder; a cache
	noPosters = "none"    // as poster.command: none are made
	partMaker = "posters"
)

func (b *box) makePosters() (err error) {
	dir := filepath.Join(b.cfg.State, posterDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of posters: %w", err)
	}
	if b.pictures, err = os.OpenRoot(dir); err != nil {
		return fmt.Errorf("open the folder of posters: %w", err)
	}
	b.posters = poster.New(poster.Config{
		Store: b.store, Root: b.root, Dir: b.pictures, Log: b.log, Command: b.cfg.posterCommand(), Lane: b.enterLane,
		Made: b.poke, Problem: func(text string) { b.problems.set(partMaker, text) },
	})
	return nil
}

// enterLane waits for the turn of heavy disk work.
func (b *box) enterLane(ctx context.Context) (leave func(), err error) {
	t, err := b.lane.Enter(ctx)
	if err != nil {
		return nil, err
	}
	return t.Leave, nil
}

// posterCommand is what makes posters; empty if nothing does.
func (c *Config) posterCommand() []string {
	switch command := c.Poster.Command; {
	case len(command) == 1 && command[0] == noPosters:
		return nil
	case len(command) > 0:
		return command
	}
	if _, err := exec.LookPath(poster.FFmpeg[0]); err != nil {
		return nil
	}
	return poster.FFmpeg
}

// posterMaker says in words what makes posters.
func (c *Config) posterMaker() string {
	command := c.posterCommand()
	if len(command) == 0 {
		return "sidecar pictures and embedded thumbnails only"
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return err.Error() + "; install it, or change poster.command"
	}
	return "made by " + command[0]
}

func (c *Config) checkPoster(bad complain) {
	command := c.Poster.Command
	if len(command) == 0 || len(command) == 1 && command[0] == noPosters {
		return
	}
	for _, file := range []string{poster.Input, poster.Output} {
		if !slices.ContainsFunc(command[1:], func(arg string) bool { return strings.Contains(arg, file) }) {
			bad("poster.command", `no argument has %s; write it like ["program", "-i", "%s", "-o", "%s"]`, file, poster.Input, poster.Output)
		}
	}
}
