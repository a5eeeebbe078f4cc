package httpd

import (
	"strings"

	"clipd/device/httpd/web"
	"clipd/store"
)

// unplayable says, by media type or codec, what browsers make of it and which setting of the recorder would change that.
var unplayable = map[string]web.Trouble{
	"hevc": {Text: "The picture is H.265 (HEVC), which many browsers cannot decode. " +
		"Set the recorder or camera to H.264 (in rpicam-vid: --codec h264, in ffmpeg: -c:v libx264), or download the file and open it in VLC."},
	"video/x-matroska": {Text: "The file is Matroska (MKV), which Safari and Firefox do not open. " +
		"Set the recorder to MP4 (in Motion: movie_codec mp4, movie_container mp4 from version 5 on; in ffmpeg: a name that ends in .mp4), or download the file and open it in VLC."},
	"video/mp2t": {Text: "The file is an MPEG transport stream (TS), which most browsers do not open. " +
		"Set the recorder to MP4 (in ffmpeg: -f mp4 -movflags +frag_keyframe), or download the file and open it in VLC."},
	"video/x-msvideo": {Sure: true, Text: "No browser opens AVI files. " +
		"Set the recorder to MP4 with H.264 (in Motion: movie_codec mp4, movie_container mp4 from version 5 on), or download the file and open it in VLC."},
	"video/h264": {Sure: true, Text: "This is raw H.264 without a container, which no browser opens. " +
		"Set the recorder to MP4 (in rpicam-vid: --codec libav and a name that ends in .mp4), or download the file and open it in VLC."},
	"video/h265": {Sure: true, Text: "This is raw H.265 without a container, which no browser opens. " +
		"Set the recorder to MP4 with H.264, or download the file and open it in VLC."},
	"mpeg4": {Sure: true, Text: "The picture is MPEG-4 Part 2, which no browser decodes. " +
		"Set the recorder to H.264 (in Motion: movie_codec mp4, movie_container mp4 from version 5 on), or download the file and open it in VLC."},
	"video/x-motion-jpeg": {Sure: true, Text: "This is raw Motion JPEG, which no browser plays as a video. " +
		"Set the recorder to MP4 with H.264 (in rpicam-vid: --codec h264), or download the file and open it in VLC."},
	"mjpeg": {Sure: true, Text: "The picture is Motion JPEG, which no browser plays as a video. " +
		"Set the recorder to H.264, or download the file and open it in VLC."},
}

// trouble is why a browser may show no picture of c. The container comes first: where it is not opened, the codec does
// not matter.
func trouble(c store.Clip) web.Trouble {
	if strings.HasPrefix(c.MediaType, "image/") {
		return web.Trouble{}
	}
	for _, key := range []string{c.MediaType, c.VideoCodec} {
		if t, ok := unplayable[key]; ok {
			return t
		}
	}
	return web.Trouble{}
}
