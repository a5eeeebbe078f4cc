package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// recording is one file that ffmpeg makes: what goes in, and how it is written.
type recording struct {
	name string // its extension chooses ffmpeg's muxer unless args do
	from string // source it is copied or encoded from: a key of sources, or "" for args alone
	args string // between source and output
}

// sources are encoded once; most recordings are copies of them into another container.
var sources = []recording{
	{"h264.mkv", "", lavfiAV + " -c:v libx264 -preset ultrafast -g 12 -c:a aac -b:a 32k"},
	{"bframes.mkv", "", lavfiV + " -c:v libx264 -preset veryfast -g 25 -bf 3"},
	{"hevc.mkv", "", lavfiAV + " -c:v libx265 -preset ultrafast -x265-params log-level=none:pools=1 -c:a aac -b:a 32k"},
	{"mpeg4.avi", "", lavfiAV + " -c:v mpeg4 -c:a libmp3lame -b:a 32k"},
	{"mjpeg.avi", "", lavfiV + " -c:v mjpeg -pix_fmt yuvj420p"},
}

const (
	picture = "-f lavfi -i testsrc2=size=160x120:rate=25:duration=2"
	sound   = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=2"
	lavfiV  = picture
	lavfiAV = picture + " " + sound
)

var recordings = []recording{
	{"plain.mp4", "h264.mkv", "-c copy"},
	{"faststart.mp4", "h264.mkv", "-c copy -movflags +faststart"},
	{"created.mp4", "h264.mkv", "-c copy -metadata creation_time=2024-03-01T12:34:56Z"},
	{"rotate90.mp4", "h264.mkv", "-c copy -metadata:s:v rotate=90"},
	{"rotate180.mp4", "h264.mkv", "-c copy -metadata:s:v rotate=180"},
	{"rotate270.mp4", "h264.mkv", "-c copy -metadata:s:v rotate=270"},
	{"bframes.mp4", "bframes.mkv", "-c copy"},
	{"noedits.mp4", "bframes.mkv", "-c copy -use_editlist 0"},
	{"negcts.mp4", "bframes.mkv", "-c copy -movflags +negative_cts_offsets"},
	{"hevc.mp4", "hevc.mkv", "-c copy"},
	{"hvc1.mp4", "hevc.mkv", "-c copy -tag:v hvc1"},
	{"mpeg4.mp4", "mpeg4.avi", "-c copy"},
	{"mjpeg.mp4", "mjpeg.avi", "-c copy"},
	{"av1.mp4", "", lavfiV + " -c:v libsvtav1 -preset 12"},
	{"vp9.mp4", "", lavfiV + " -c:v libvpx-vp9 -deadline realtime -cpu-used 8"},
	{"opus.mp4", "", lavfiAV + " -c:v mpeg4 -c:a libopus -b:a 32k"},
	{"flac.mp4", "", lavfiAV + " -c:v mpeg4 -c:a flac -strict -2"},
	{"ac3.mp4", "", lavfiAV + " -c:v mpeg4 -c:a ac3"},
	{"late.mp4", "", picture + " -itsoffset 0.5 " + sound + " -c:v libx264 -preset ultrafast -c:a aac"},
	{"odd.mp4", "", "-f lavfi -i testsrc2=size=161x121:rate=25:duration=1 -c:v libx264 -preset ultrafast -pix_fmt yuv444p"},
	{"crop.mp4", "", "-f lavfi -i testsrc2=size=162x90:rate=15:duration=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"},
	{"sar.mp4", "", lavfiV + " -vf setsar=4/3 -c:v libx264 -preset ultrafast"},
	{"vfr.mp4", "", lavfiV + " -vf select=not(mod(n\\,3))+lt(n\\,10) -vsync vfr -c:v libx264 -preset ultrafast"},
	{"interlaced.mp4", "", lavfiV + " -c:v libx264 -preset ultrafast -flags +ildct -x264-params tff=1"},
	{"audio.m4a", "", sound + " -c:a aac"},
	{"sound.mp4", "", sound + " -c:a libmp3lame"},
	{"plain.mov", "h264.mkv", "-c copy"},
	{"pcm.mov", "", lavfiAV + " -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"},
	{"mulaw.mov", "", lavfiAV + " -c:v mpeg4 -ar 8000 -c:a pcm_mulaw"},
	{"alaw.mov", "", lavfiAV + " -c:v mpeg4 -ar 8000 -c:a pcm_alaw"},
	{"s24.mov", "", lavfiAV + " -c:v mpeg4 -c:a pcm_s24le"},
	{"fragmented.mov", "h264.mkv", "-c copy -movflags +frag_keyframe+empty_moov"},
	{"frag.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe+empty_moov"},
	{"hybrid.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe"},
	{"default-base.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe+empty_moov+default_base_moof"},
	{"frag-bframes.mp4", "bframes.mkv", "-c copy -movflags +frag_keyframe+empty_moov+delay_moov"},
	{"frag-duration.mp4", "hevc.mkv", "-c copy -movflags +empty_moov -frag_duration 300000"},
	{"dash.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe+dash"},
	{"global-sidx.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe+dash+global_sidx"},
	{"separate.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe+empty_moov+separate_moof"},
	{"skip-trailer.mp4", "h264.mkv", "-c copy -movflags +frag_keyframe+empty_moov+skip_trailer"},
	{"every-frame.mp4", "h264.mkv", "-c copy -movflags +frag_every_frame+empty_moov"},
	{"video-only-frag.mp4", "h264.mkv", "-an -c copy -movflags +frag_keyframe+empty_moov"},
	{"segment%d.mp4", "h264.mkv", "-c copy -f segment -segment_time 1"},
	{"fragsegment%d.mp4", "h264.mkv", "-c copy -f segment -segment_time 1 -segment_format_options movflags=+frag_keyframe+empty_moov"},
	{"segment%d.ts", "h264.mkv", "-c copy -f segment -segment_time 1"},
	{"segment%d.mkv", "h264.mkv", "-c copy -f segment -segment_time 1"},
	{"hls.m3u8", "h264.mkv", "-c copy -f hls -hls_time 1"},
	{"fhls.m3u8", "h264.mkv", "-c copy -f hls -hls_time 1 -hls_segment_type fmp4 -hls_flags single_file"},
	{"plain.ts", "h264.mkv", "-c copy"},
	{"bframes.ts", "bframes.mkv", "-c copy"},
	{"hevc.ts", "hevc.mkv", "-c copy"},
	{"mpeg2.ts", "", lavfiAV + " -c:v mpeg2video -c:a mp2"},
	{"mp3.ts", "", lavfiAV + " -c:v libx264 -preset ultrafast -c:a libmp3lame"},
	{"ac3.ts", "", lavfiAV + " -c:v libx264 -preset ultrafast -c:a ac3"},
	{"opus.ts", "", lavfiAV + " -c:v libx264 -preset ultrafast -c:a libopus"},
	{"wrap.ts", "h264.mkv", "-c copy -output_ts_offset 95442"},
	{"plain.m2ts", "h264.mkv", "-c copy"},
	{"slow.ts", "", "-f lavfi -i testsrc2=size=160x120:rate=5:duration=3 -c:v libx264 -preset ultrafast"},
	{"plain.mkv", "h264.mkv", "-c copy"},
	{"created.mkv", "h264.mkv", "-c copy -metadata creation_time=2024-03-01T12:34:56Z"},
	{"bframes2.mkv", "bframes.mkv", "-c copy"},
	{"hevc2.mkv", "hevc.mkv", "-c copy"},
	{"mpeg4.mkv", "mpeg4.avi", "-c copy"},
	{"mjpeg.mkv", "mjpeg.avi", "-c copy"},
	{"pcm.mkv", "", lavfiAV + " -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"},
	{"flac.mkv", "", lavfiAV + " -c:v libx264 -preset ultrafast -c:a flac"},
	{"live.mkv", "h264.mkv", "-c copy -live 1"},
	{"front.mkv", "h264.mkv", "-c copy -cues_to_front 1 -reserve_index_space 1000"},
	{"sound.mka", "", sound + " -c:a libvorbis"},
	{"vp8.webm", "", lavfiAV + " -c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis"},
	{"vp9.webm", "", lavfiAV + " -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"},
	{"live.webm", "", lavfiAV + " -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -live 1"},
	{"piped.mkv", "h264.mkv", "-c copy -f matroska pipe:1"},
	{"piped.ts", "h264.mkv", "-c copy -f mpegts pipe:1"},
	{"piped.mp4", "h264.mkv", "-c copy -f mp4 -movflags +frag_keyframe+empty_moov pipe:1"},
	{"plain.avi", "mpeg4.avi", "-c copy"},
	{"mjpeg2.avi", "mjpeg.avi", "-c copy"},
	{"h264.avi", "h264.mkv", "-an -c copy -bsf:v h264_mp4toannexb"},
	{"pcm.avi", "", lavfiAV + " -c:v mpeg4 -c:a pcm_s16le"},
	{"sound.avi", "", lavfiAV + " -c:v mjpeg -pix_fmt yuvj420p -ar 8000 -c:a pcm_mulaw"},
	{"still.jpg", "", lavfiV + " -frames:v 1"},
	{"raw.h264", "h264.mkv", "-an -c copy -f h264"},
	{"raw.hevc", "hevc.mkv", "-an -c copy -f hevc"},
	{"raw.mjpeg", "mjpeg.avi", "-c copy -f mjpeg"},
}

// needProgram skips on a laptop and fails in CI.
func needProgram(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
}

var made struct {
	once  sync.Once
	dir   string
	files []string
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if made.dir != "" {
		os.RemoveAll(made.dir)
	}
	os.Exit(code)
}

// recorded makes all recordings once and returns the paths of the files.
func recorded(t testing.TB) []string {
	t.Helper()
	needProgram(t, "ffmpeg")
	needProgram(t, "ffprobe")
	made.once.Do(makeRecordings)
	if made.err != nil {
		t.Fatal(made.err)
	}
	return made.files
}

func makeRecordings() {
	if made.dir, made.err = os.MkdirTemp("", "probe"); made.err != nil {
		return
	}
	src, out := filepath.Join(made.dir, "src"), filepath.Join(made.dir, "out")
	for _, dir := range []string{src, out} {
		if made.err = os.Mkdir(dir, 0o700); made.err != nil {
			return
		}
	}
	if made.err = makeAll(sources, src, src); made.err == nil {
		made.err = makeAll(recordings, src, out)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		made.err = err
	}
	for _, e := range entries {
		if Known(e.Name()) && e.Name() != "fhls0.m4s" {
			made.files = append(made.files, filepath.Join(out, e.Name()))
		}
	}
}

// makeAll runs two ffmpeg at a time, each of which makes up to eight recordings of one source.
func makeAll(list []recording, src, out string) error {
	jobs, errs := make(chan []recording), make(chan error, len(list))
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for batch := range jobs {
				errs <- makeBatch(batch, src, out)
			}
		})
	}
	for _, batch := range batches(list) {
		jobs <- batch
	}
	close(jobs)
	workers.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// batches puts copies of the same source together; what goes through a pipe stays alone.
func batches(list []recording) (all [][]recording) {
	const most = 8
	open := map[string]int{}
	for _, r := range list {
		i, ok := open[r.from]
		if !ok || r.from == "" || r.piped() || len(all[i]) == most {
			all = append(all, nil)
			i = len(all) - 1
			if !r.piped() {
				open[r.from] = i
			}
		}
		all[i] = append(all[i], r)
	}
	return all
}

func (r recording) piped() bool { return strings.HasSuffix(r.args, "pipe:1") }

func makeBatch(batch []recording, src, out string) error {
	args := []string{"-nostdin", "-v", "error", "-y", "-threads", "1"}
	if from := batch[0].from; from != "" {
		args = append(args, "-i", filepath.Join(src, from))
	}
	for _, r := range batch {
		args = append(args, strings.Fields(r.args)...)
		if !r.piped() {
			args = append(args, "-threads", "1", filepath.Join(out, r.name))
		}
	}
	cmd := exec.Command("ffmpeg", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg %q: %w: %s", args, err, stderr.Bytes())
	}
	if stdout.Len() > 0 {
		return os.WriteFile(filepath.Join(out, batch[0].name), stdout.Bytes(), 0o600)
	}
	return nil
}

// ffprobe says what ffprobe says of a file.
func ffprobe(t testing.TB, path string) Info {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	var said struct {
		Format struct {
			Duration string
			Tags     map[string]string
		}
		Streams []struct {
			CodecType    string `json:"codec_type"`
			CodecName    string `json:"codec_name"`
			Width        int
			Height       int
			SideDataList []struct{ Rotation int } `json:"side_data_list"`
		}
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	var want Info
	for _, s := range said.Streams {
		switch {
		case s.CodecType == "video" && want.VideoCodec == "":
			want.VideoCodec = s.CodecName
			for _, d := range s.SideDataList {
				want.Rotation = (360 - d.Rotation) % 360
			}
			want.Width, want.Height = displayed(pictureSize{s.Width, s.Height}, want.Rotation)
		case s.CodecType == "audio" && want.AudioCodec == "":
			want.AudioCodec = s.CodecName
		}
	}
	if s, err := strconv.ParseFloat(said.Format.Duration, 64); err == nil {
		want.Duration = time.Duration(s * 1e9)
	} else {
		want.Duration = packetDuration(t, path)
	}
	if created, err := time.Parse(time.RFC3339, said.Format.Tags["creation_time"]); err == nil {
		want.Created = created
	}
	return want
}

// packetDuration asks ffprobe for the times of all packets, for files whose header gives no duration.
func packetDuration(t testing.TB, path string) time.Duration {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	first, end := math.Inf(1), math.Inf(-1)
	for line := range strings.Lines(string(out)) {
		pts, length, _ := strings.Cut(strings.TrimSpace(line), ",")
		from, err := strconv.ParseFloat(pts, 64)
		if err != nil {
			continue
		}
		lasts, _ := strconv.ParseFloat(strings.TrimRight(length, ","), 64)
		first, end = min(first, from), max(end, from+lasts)
	}
	if end < first {
		return 0
	}
	return time.Duration((end - first) * 1e9)
}
