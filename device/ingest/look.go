package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"clipd/device/probe"
	"clipd/device/root"
	"clipd/store"
)

// verdict is what a look at a file comes to.
type verdict int

const (
	settled  verdict = iota
	written          // a process has it open for writing: its close will be told
	unsure           // look again when it was quiet for finding.wait
	unusable         // a partial, for finding.reason
)

// finding is a verdict and what belongs to it.
type finding struct {
	verdict verdict
	clip    store.Clip    // settled: everything but sums and sidecars
	wait    time.Duration // unsure
	reason  string        // unusable: for people
}

// Reasons that may pass without the file changing: such partials are looked at again by each scan.
const (
	stillWritten = "still being written"
	unreadable   = "cannot be read: "
)

// mayPass says whether a partial's reason is one that may be over although its file is the same.
func mayPass(reason string) bool {
	return reason == stillWritten || strings.HasPrefix(reason, unreadable)
}

// look decides whether the file is settled. quiet is how long it is known not to have changed.
func (in *Ingest) look(f *os.File, info fs.FileInfo, file string, quiet time.Duration) finding {
	w, err := writersOf(f)
	switch {
	case err != nil:
		return finding{verdict: unusable, reason: unreadable + err.Error()}
	case w == hasWriter:
		return finding{verdict: written}
	case w == unknownWriter && quiet < in.delays.stable:
		return finding{verdict: unsure, wait: in.delays.stable}
	case info.Size() == 0:
		return finding{verdict: unusable, reason: "empty"}
	}
	what, err := probe.File(f, info.Size())
	switch {
	case err != nil:
		return finding{verdict: unusable, reason: whyUnusable(err)}
	case what.Container == "jpeg" && !in.Pictures:
		return finding{verdict: unusable, reason: "a picture; set pictures = true to keep pictures as clips"}
	case !what.Complete && quiet < in.delays.cutOff:
		return finding{verdict: unsure, wait: in.delays.cutOff}
	}
	return finding{clip: in.clipOf(file, info, what)}
}

func whyUnusable(err error) string {
	if errors.Is(err, probe.ErrNotMedia) || errors.Is(err, probe.ErrIncomplete) || errors.Is(err, probe.ErrBudget) {
		return err.Error()
	}
	return unreadable + err.Error()
}

// clipOf makes the clip from what its name, its inode and its content tell.
func (in *Ingest) clipOf(file string, info fs.FileInfo, what probe.Info) store.Clip {
	c := in.seen(file, info)
	c.MediaType, c.Duration, c.Complete = what.MediaType, what.Duration, what.Complete
	c.Width, c.Height, c.VideoCodec, c.AudioCodec = what.Width, what.Height, what.VideoCodec, what.AudioCodec
	c.Start, c.StartSource = told{
		path: file, mtime: c.Mtime, duration: what.Duration, created: what.Created, local: what.CreatedLocal,
	}.start(in.Location)
	return c
}

// seen makes what is known about a clip from its name and inode alone.
func (in *Ingest) seen(file string, info fs.FileInfo) store.Clip {
	c := store.Clip{
		ID:   store.MakeID(file, info.Size(), info.ModTime()),
		Path: file, Camera: in.camera(file), Size: info.Size(), Mtime: info.ModTime(),
		BootID: in.Clock.Boot, ClockSynced: in.Clock.Synced(),
	}
	c.Start, c.StartSource = told{path: file, mtime: c.Mtime}.start(in.Location)
	return c
}

// unopened says why a file could not be looked at. It is "" where that says nothing about the file: it is gone, or the
// root is away.
func unopened(err error) (reason string) {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, root.ErrAway):
		return ""
	case errors.Is(err, root.ErrNotRegular):
		return "not a regular file"
	case errors.Is(err, fs.ErrPermission):
		return unreadable + "permission denied; give the user clipd runs as read access"
	}
	return unreadable + err.Error()
}

// irregular is the reason for what has the name of a media file and is none.
func irregular(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link; only files themselves are clips"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO, not a file"
	case mode&fs.ModeDevice != 0:
		return "a device, not a file"
	case mode&fs.ModeSocket != 0:
		return "a socket, not a file"
	}
	return fmt.Sprintf("not a regular file (%v)", mode.Type())
}

// quietFor is how long ago the file was last touched by the wall clock. ctime, unlike mtime, cannot be set back.
func (in *Ingest) quietFor(info fs.FileInfo) time.Duration {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return max(in.Clock.Now().Sub(time.Unix(st.Ctim.Unix())), 0)
}
