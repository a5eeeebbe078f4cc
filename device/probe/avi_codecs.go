package probe

// aviVideoCodec names the codec of biCompression.
func aviVideoCodec(fourcc []byte) string {
	if name, ok := videoFormats[upper(fourCC(fourcc))]; ok {
		return name
	}
	return "unknown"
}

func upper(k fourCC) fourCC {
	for i, c := range k {
		if c >= 'a' && c <= 'z' {
			k[i] = c - 'a' + 'A'
		}
	}
	return k
}

var videoFormats = map[fourCC]string{
	{'H', '2', '6', '4'}: "h264", {'X', '2', '6', '4'}: "h264", {'A', 'V', 'C', '1'}: "h264",
	{'H', 'E', 'V', 'C'}: "hevc", {'H', '2', '6', '5'}: "hevc", {'H', 'E', 'V', '1'}: "hevc", {'H', 'V', 'C', '1'}: "hevc",
	{'M', 'J', 'P', 'G'}: "mjpeg", {'A', 'V', 'R', 'N'}: "mjpeg",
	{'F', 'M', 'P', '4'}: "mpeg4", {'X', 'V', 'I', 'D'}: "mpeg4", {'D', 'I', 'V', 'X'}: "mpeg4", {'D', 'X', '5', '0'}: "mpeg4", {'M', 'P', '4', 'V'}: "mpeg4",
	{'V', 'P', '8', '0'}: "vp8", {'V', 'P', '9', '0'}: "vp9", {'A', 'V', '0', '1'}: "av1",
	{0, 0, 0, 0}: "rawvideo",
}

// aviAudioCodec names the codec of wFormatTag, RFC 2361 appendix A.
func aviAudioCodec(tag, depth uint16) string {
	switch tag {
	case 0x0001, 0xfffe: // an extensible format is uncompressed in what cameras write
		switch depth {
		case 8:
			return "pcm_u8"
		case 16:
			return "pcm_s16le"
		case 24:
			return "pcm_s24le"
		case 32:
			return "pcm_s32le"
		}
	case 0x0002:
		return "adpcm_ms"
	case 0x0003:
		return "pcm_f32le"
	case 0x0006:
		return "pcm_alaw"
	case 0x0007:
		return "pcm_mulaw"
	case 0x0011:
		return "adpcm_ima_wav"
	case 0x0050:
		return "mp2"
	case 0x0055:
		return "mp3"
	case 0x00ff, 0x1610:
		return "aac"
	case 0x2000:
		return "ac3"
	case 0xf1ac:
		return "flac"
	}
	return "unknown"
}
