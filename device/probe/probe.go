// Package probe says what is in a media file: its container, whether it is whole, how long it plays,
// its codecs and its picture size.
//
// It may touch nothing but the io.ReaderAt it is given: no file names, no clock, no package of clipd.
// Every answer is a function of the bytes. Content decides what a file is, never its name.
//
// Bytes from a file are never trusted: no allocation is sized by a length field, nesting is as deep as
// the code that reads it and no deeper, and one call reads at most [ReadBudget] bytes in at most
// [StepBudget] steps. A complete file costs a handful of reads, whatever its size, because media data
// is jumped over.
//
// What cannot be told: a raw H.264, H.265 or MJPEG stream, an MPEG transport stream and a live Matroska
// file have no end mark, so one cut exactly between two packets counts as complete. So does a fragmented
// MP4 cut between two fragments, unless it was written by libavformat or MediaMTX, whose last write is
// known; the price is that a file made by ffmpeg with -movflags skip_trailer never counts as complete.
package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// Info is what a container says about itself.
type Info struct {
	Container string // "mp4", "mpegts", "matroska", "webm", "avi", "jpeg", "mjpeg", "h264", "hevc"
	MediaType string // "video/mp4", "video/quicktime", "audio/mp4", "video/mp2t", "image/jpeg", …

	// Complete says that the container parses to its end. False means cut off after at least one whole
	// fragment, cluster or packet group: usable footage.
	Complete   bool
	Fragmented bool // MP4 with movie fragments
	Unindexed  bool // a raw stream: it plays, but has no times; Duration is 0

	Duration      time.Duration
	Width, Height int // in pixels as displayed, after Rotation; 0 without a picture
	Rotation      int // clockwise, to be applied by the player: 0, 90, 180 or 270 degrees

	// VideoCodec and AudioCodec are ffprobe's codec_name ("h264", "pcm_mulaw"); "" means no such track,
	// "unknown" a track whose codec has no name here.
	VideoCodec, AudioCodec string

	Created      time.Time // the container's own time in UTC, zero if it has none
	CreatedLocal bool      // Created is the camera's wall clock read as UTC: the file names no zone

	// ThumbOffset and ThumbLength place an embedded EXIF thumbnail (a whole JPEG) in the file, in
	// bytes; both are 0 if there is none.
	ThumbOffset, ThumbLength int64
}

// Errors of File, to be tested with errors.Is. Any other error comes from the reader.
var (
	ErrNotMedia   = errors.New("not a media file")          // no container known here
	ErrIncomplete = errors.New("cut off")                   // a known container, nothing in it usable; the wrapping text says why
	ErrBudget     = errors.New("more structure than usual") // the file asks for more reading than a probe allows
)

// File reads as much of the size bytes of r as it takes to say what they hold. It blocks only in
// r.ReadAt, and is safe for concurrent use on one r if r.ReadAt is.
//
// With ErrIncomplete the Info still has Container and MediaType, and what else was found.
func File(r io.ReaderAt, size int64) (Info, error) {
	w := openWindow(r, size)
	defer w.close()
	info, err := parse(w)
	if w.err != nil {
		return info, w.err
	}
	return info, err
}

// parse chooses the container by its first bytes. Transport streams come last, since their mark is
// a single byte.
func parse(w *window) (Info, error) {
	head := w.upTo(0, sniffBytes)
	switch {
	case looksMP4(head):
		return parseMP4(w)
	case bytes.HasPrefix(head, ebmlMagic):
		return parseMatroska(w)
	case looksAVI(head):
		return parseAVI(w)
	case bytes.HasPrefix(head, jpegMagic):
		return parseJPEG(w)
	case looksAnnexB(head):
		return parseAnnexB(w)
	}
	if layout, ok := findPackets(w); ok {
		return parseTS(w, layout)
	}
	return Info{}, ErrNotMedia
}

// sniffBytes is how much of the head the sniffers other than MPEG-TS look at.
const sniffBytes = 64

// incomplete wraps ErrIncomplete with the reason, in words for the person who misses the recording.
func incomplete(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrIncomplete, fmt.Sprintf(format, args...))
}

// Known says whether a file of this name is one to look at: whether its extension belongs to a
// container that File knows.
func Known(name string) bool {
	_, ok := extensions[strings.ToLower(path.Ext(name))]
	return ok
}

var extensions = map[string]struct{}{
	".mp4": {}, ".m4v": {}, ".m4a": {}, ".mov": {}, ".qt": {}, ".3gp": {}, ".3g2": {},
	".mkv": {}, ".mka": {}, ".webm": {},
	".ts": {}, ".mts": {}, ".m2ts": {}, ".m2t": {},
	".avi": {},
	".jpg": {}, ".jpeg": {}, ".mjpg": {}, ".mjpeg": {},
	".h264": {}, ".264": {}, ".avc": {}, ".h265": {}, ".265": {}, ".hevc": {},
}
