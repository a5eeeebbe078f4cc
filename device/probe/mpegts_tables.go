package probe

// section returns the contents of a PSI section with the table id that begins in payload, after its
// eight-byte header and before its CRC, ISO/IEC 13818-1 §2.4.4. A section that goes on in the next packet
// is cut at the end of this one: recorders' tables fit.
func section(payload []byte, table byte) []byte {
	p := tail(payload, 1+int(payload[0])) // pointer_field
	if len(p) < 8 || p[0] != table {
		return nil
	}
	end := 3 + int(be.Uint16(p[1:])&0xfff) - 4
	return tail(p[:min(len(p), max(end, 8))], 8)
}

// readPAT takes the first programme, §2.4.4.3.
func (ts *transport) readPAT(payload []byte) {
	for p := section(payload, 0); len(p) >= 4; p = p[4:] {
		if be.Uint16(p) != 0 { // 0 is the network table
			ts.pmt = int(be.Uint16(p[2:]) & 0x1fff)
			return
		}
	}
}

// readPMT lists the streams, §2.4.4.8.
func (ts *transport) readPMT(payload []byte) {
	p := section(payload, 2)
	if len(p) < 4 {
		return
	}
	for p = tail(p, 4+int(be.Uint16(p[2:])&0xfff)); len(p) >= 5 && len(ts.streams) < maxStreams; {
		infoEnd := 5 + int(be.Uint16(p[3:])&0xfff)
		s := stream{pid: int(be.Uint16(p[1:]) & 0x1fff)}
		s.codec, s.video, s.guessed = streamCodec(p[0], p[5:min(len(p), infoEnd)])
		if s.codec != "" || s.guessed {
			ts.streams = append(ts.streams, s)
		}
		p = tail(p, infoEnd)
	}
}

// streamCodec names the codec of a stream_type, §2.4.4.9 table 2-34, or of the descriptors of a private
// one. guessed says that the first frame must confirm it.
func streamCodec(kind byte, descriptors []byte) (codec string, video, guessed bool) {
	if kind == 0x06 {
		codec, video = privateCodec(descriptors)
		return codec, video, codec == ""
	}
	t := streamTypes[kind]
	return t.codec, t.video, kind == 0x03 || kind == 0x04
}

var streamTypes = map[byte]struct {
	codec string
	video bool
}{
	0x01: {"mpeg1video", true}, 0x02: {"mpeg2video", true}, 0x10: {"mpeg4", true},
	0x1b: {"h264", true}, 0x24: {"hevc", true},
	0x03: {"mp3", false}, 0x04: {"mp3", false}, // or mp2
	0x0f: {"aac", false}, 0x11: {"aac_latm", false},
	0x80: {"pcm_bluray", false}, 0x81: {"ac3", false}, 0x84: {"eac3", false}, 0x87: {"eac3", false},
}

// privateCodec names the codec of a stream of private data by its descriptors: registration, ISO/IEC
// 13818-1 §2.6.8, AC-3, E-AC-3 and DTS, ETSI EN 300 468 annex D and G.
func privateCodec(p []byte) (codec string, video bool) {
	for len(p) >= 2 {
		body := p[2:min(len(p), 2+int(p[1]))]
		switch p[0] {
		case 0x05:
			if len(body) >= 4 {
				codec, video = registered(string(body[:4]))
			}
		case 0x6a:
			codec = "ac3"
		case 0x7a:
			codec = "eac3"
		case 0x7b:
			codec = "dts"
		}
		if codec != "" {
			return codec, video
		}
		p = tail(p, 2+int(p[1]))
	}
	return "", false
}

// registered are format_identifiers of SMPTE's registry.
func registered(id string) (codec string, video bool) {
	switch id {
	case "Opus":
		return "opus", false
	case "AC-3":
		return "ac3", false
	case "EAC3":
		return "eac3", false
	case "HEVC":
		return "hevc", true
	case "AV01":
		return "av1", true
	}
	return "", false
}
