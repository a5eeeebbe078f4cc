package device

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// roomEvery is how often the file systems are asked what room they have, which costs no disk access.
const roomEvery = 10 * time.Second

// noRoom is how many free bytes are none: no recording fits.
const noRoom = 256 << 10

// room is what a file system has left, statfs(2).
type room struct {
	id     unix.Fsid
	bytes  int64
	inodes bool // a new file can be made
}

func roomAt(dir string) (room, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return room{}, fmt.Errorf("statfs %s: %w", dir, err)
	}
	// Some file systems make inodes as they need them, and say that they have none.
	return room{st.Fsid, int64(st.Bavail) * int64(st.Bsize), st.Files == 0 || st.Ffree > 0}, nil
}

// lack is what stands in the way of new files, for people; "" if nothing does.
func (r room) lack() string {
	switch {
	case !r.inodes:
		return "no inode is left, so no new file can be made; delete small files there"
	case r.bytes < noRoom:
		return "no space is left, so nothing new can be written; delete something there"
	}
	return ""
}

// watchRoom states a problem where recorders, or the box itself, can write no more. A recorder that fails tells nobody.
func (b *box) watchRoom(ctx context.Context) error {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	for {
		b.lookForRoom()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *box) lookForRoom() {
	var recordings room
	text := ""
	if b.root.State().Present {
		if r, err := roomAt(b.cfg.Root); err == nil {
			recordings, text = r, r.lack()
		}
	}
	if text != "" {
		text = fmt.Sprintf("recordings folder %s: %s, or set a rule in [keep]", b.cfg.Root, text)
	}
	b.problems.set("room", text)
	state, err := roomAt(b.cfg.State)
	if err != nil {
		b.log.Error("the room of the state folder is not known", "error", err)
		return
	}
	text = ""
	if lack := state.lack(); lack != "" && state.id != recordings.id {
		text = fmt.Sprintf("state folder %s: %s", b.cfg.State, lack)
	}
	b.problems.set("room-state", text)
}
