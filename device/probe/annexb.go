package probe

import (
	"bytes"
	"iter"
)

// annexBHead is how much of a raw stream is searched for its parameter sets, in bytes.
const annexBHead = 1 << 20

var startCode = []byte{0, 0, 1}

// looksAnnexB recognises a byte stream of ITU-T H.264 or H.265 Annex B by its first NAL unit.
func looksAnnexB(head []byte) bool { return annexBCodec(head) != "" }

// annexBCodec tells H.264 from H.265 by the first NAL unit's header; "" if it is neither. The types a
// stream can begin with are delimiters, parameter sets and supplemental information; the H.265 ones
// read as H.264 are types that no stream begins with.
func annexBCodec(head []byte) string {
	head = bytes.TrimPrefix(head, []byte{0})
	if len(head) < 5 || !bytes.HasPrefix(head, startCode) || head[3]&0x80 != 0 {
		return ""
	}
	if head[4] == 1 { // nuh_layer_id 0, temporal id 0: H.265 §7.3.1.2
		switch head[3] >> 1 {
		case 32, 33, 34, 35, 39:
			return "hevc"
		}
	}
	switch head[3] & 0x1f {
	case 6, 7, 8, 9:
		return "h264"
	}
	return ""
}

// parseAnnexB reads a raw H.264 or H.265 stream: only its picture size, since it carries no times and has
// no end mark.
func parseAnnexB(w *window) (Info, error) {
	codec := annexBCodec(w.upTo(0, sniffBytes))
	info := Info{Container: codec, MediaType: "video/h264", VideoCodec: codec, Complete: true, Unindexed: true}
	if codec == "hevc" {
		info.MediaType = "video/h265"
	}
	for off := int64(0); off < min(w.size, annexBHead); off += windowSize - maxNAL {
		if p, ok := elementarySize(codec, w.upTo(off, windowSize)); ok {
			info.Width, info.Height = p.width, p.height
			return info, nil
		}
	}
	return info, incomplete("no sequence parameter set: without it nothing can be decoded")
}

// elementarySize looks for the picture size in a piece of an elementary stream.
func elementarySize(codec string, p []byte) (pictureSize, bool) {
	for nal := range nalUnits(p) {
		var size pictureSize
		var ok bool
		switch codec {
		case "h264":
			size, ok = h264SPS(nal)
		case "hevc":
			size, ok = hevcSPS(nal)
		case "mpeg2video", "mpeg1video":
			size, ok = mpegSequence(nal)
		}
		if ok {
			return size, true
		}
	}
	return pictureSize{}, false
}

// nalUnits yields what stands between the start codes of p, each cut to the length of a parameter set.
func nalUnits(p []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			i := bytes.Index(p, startCode)
			if i < 0 {
				return
			}
			p = p[i+len(startCode):]
			nal := p[:min(len(p), maxNAL)]
			if end := bytes.Index(nal, startCode); end >= 0 {
				nal = nal[:end]
			}
			if !yield(nal) {
				return
			}
		}
	}
}

// mpegSequence reads an MPEG-1 or MPEG-2 sequence header after its start code, ITU-T H.262 §6.2.2.1.
func mpegSequence(p []byte) (pictureSize, bool) {
	if len(p) < 4 || p[0] != 0xb3 {
		return pictureSize{}, false
	}
	size := pictureSize{int(p[1])<<4 | int(p[2]>>4), int(p[2]&0xf)<<8 | int(p[3])}
	return size, size.plausible()
}
