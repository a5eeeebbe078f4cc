package store

import "time"

// Clip is one settled file as the catalogue knows it. It is a copy: changing it changes nothing in the catalogue.
type Clip struct {
	ID     ID
	Path   string // relative to the root, slash-separated, the kernel's bytes (not always UTF-8)
	Camera string
	Size   int64     // bytes, as seen when it was settled
	Mtime  time.Time // with nanoseconds, as seen when it was settled

	MediaType   string // "video/mp4"
	Start       time.Time
	StartSource string // "container", "name", "mtime" or StartCorrected
	Duration    time.Duration
	Width       int // of the displayed picture, in pixels; 0 if unknown
	Height      int
	VideoCodec  string // "h264", "hevc", "mjpeg" …; "" if there is none
	AudioCodec  string
	Complete    bool // false: footage cut off after at least one whole fragment

	Hashed bool     // SHA256 and CRC32 are set
	SHA256 [32]byte // of the whole file
	CRC32  uint32   // IEEE, of the whole file, as ZIP wants it

	Pinned bool
	Pushed bool // every target that wanted it has it

	Sidecars []string // paths relative to the root; the poster is among them
	Poster   string   // a sidecar that is a JPEG picture, or MadePoster, or ""

	BootID      string // the boot in which it was added
	ClockSynced bool   // the wall clock was trusted when it was added
}

// Stage is how far a file has come on its way to being listed.
type Stage byte

// A clip answers by id from StageSeen on; it is listed and announced only at StageListed.
const (
	StageSeen   Stage = iota + 1 // walked: path, size and mtime are known
	StageProbed                  // its container has been read
	StageListed                  // probed and (unless hashing is off) hashed
)

// MadePoster is the Poster of a clip whose picture was made and is kept outside the root; no path beneath it reads so.
const MadePoster = "/"
