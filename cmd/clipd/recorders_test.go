package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// source is what ffmpeg records in these tests: a small moving picture in real time.
const source = "-nostdin -v error -re -f lavfi -i testsrc2=size=160x120:rate=10 -threads 1 "

const h264 = "-c:v libx264 -preset ultrafast -g 5 "

// programs are recorders that people use, as command lines; each writes into the current folder, N at the start of its
// files' names.
var programs = map[string]string{
	"plain":      "ffmpeg " + source + h264 + "N.mp4",
	"faststart":  "ffmpeg " + source + h264 + "-movflags +faststart N.mp4",
	"fragmented": "ffmpeg " + source + h264 + "-movflags +frag_keyframe+empty_moov N.mp4",
	"hybrid":     "ffmpeg " + source + h264 + "-movflags +frag_keyframe N.mp4",
	"segment":    "ffmpeg " + source + h264 + "-f segment -segment_time 1 -reset_timestamps 1 N-%03d.mp4",
	"hls":        "ffmpeg " + source + h264 + "-f hls -hls_time 1 -hls_list_size 0 -hls_segment_filename N-%03d.ts N.m3u8",
	"hls-mp4":    "ffmpeg " + source + h264 + "-f hls -hls_time 1 -hls_list_size 0 -hls_segment_type fmp4 -hls_segment_filename N-%03d.m4s -hls_fmp4_init_filename N-init.mp4 N.m3u8",
	"matroska":   "ffmpeg " + source + h264 + "-cluster_time_limit 200 N.mkv",
	"transport":  "ffmpeg " + source + h264 + "N.ts",
	"avi":        "ffmpeg " + source + "-c:v mjpeg -pix_fmt yuvj420p N.avi",
	"mjpeg":      "ffmpeg " + source + "-c:v mjpeg -pix_fmt yuvj420p N.mjpeg",
	"motion":     "motion -n -c N.conf",
}

// withoutClips are the programs of whose files none can be played by itself.
var withoutClips = []string{"hls-mp4"}

// cutOff is longer than a file without a writer must be quiet to count as cut off: a recorder that stands still is a writer.
const cutOff = 11 * time.Second

// fates are how a recorder ends: killed, killed when it was stopped, in order after it was stopped, or in order.
var fates = [][]syscall.Signal{
	{syscall.SIGKILL}, {syscall.SIGSTOP, syscall.SIGKILL}, {syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGINT}, {syscall.SIGINT},
}

// runRecorder runs a program once for each fate; what it does to it comes at random times.
func runRecorder(t *testing.T, r *rand.Rand, dir, command, film string) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Error(err)
		return
	}
	for n, fate := range fates {
		// Motion takes a film for a camera that it asks for pictures.
		conf := fmt.Sprintf("target_dir %s\nlog_file %s\nnetcam_url file://%s\nmovie_filename %d-%%v-%%H%%M%%S\nwidth 320\nheight 240\nframerate 10\n"+
			"emulate_motion on\nevent_gap 1\nmovie_output on\nmovie_max_time 1\nmovie_codec %s\npicture_output off\nwebcontrol_port 0\nstream_port 0\n",
			dir, filepath.Join(filepath.Dir(film), "motion.log"), film, n, []string{"mp4", "mkv"}[n%2])
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.conf", n)), []byte(conf), 0o600); err != nil {
			t.Error(err)
		}
		args := strings.Fields(strings.ReplaceAll(command, " N", fmt.Sprintf(" %d", n)))
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		underWay(t, dir, n)
		for _, s := range fate {
			if s == syscall.SIGCONT {
				<-time.After(cutOff)
			} else {
				within(r, 2*time.Second)
			}
			cmd.Process.Signal(s)
		}
		cmd.Wait()
	}
}

// underWay waits until the recorder has written something.
func underWay(t *testing.T, dir string, n int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		files, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%d*.[mta]*", n)))
		if err != nil || time.Now().After(deadline) {
			t.Errorf("%s records nothing: %v", dir, err)
			return
		}
		for _, f := range files {
			if fi, err := os.Stat(f); err == nil && fi.Size() > 0 && filepath.Ext(f) != ".m3u8" {
				return
			}
		}
	}
}

// film is what the camera shows that Motion watches.
func film(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.mkv")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=20", "-c:v", "mjpeg", "-q:v", "9", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return path
}

// Whatever records, and however it ends: what is announced can be played, and everything that lies there is known.
func TestWhatIsAnnouncedPlays(t *testing.T) {
	t.Parallel()
	need(t, "ffmpeg", "ffprobe", "motion")
	m := newMosquitto(t)
	events := m.subscribe("clipd/+/event")
	b := startBox(t, "-broker", m.url(), "-config", write(t, "clipd.toml", "[poster]\ncommand = [\"none\"]\n"))
	seed, film := rand.Uint64(), film(t)
	t.Logf("seed %d", seed)
	var under sync.WaitGroup
	for i, name := range slices.Sorted(maps.Keys(programs)) {
		under.Go(func() {
			runRecorder(t, rand.New(rand.NewPCG(seed, uint64(i))), b.recordings(name), programs[name], film)
		})
	}
	ended := make(chan struct{})
	go func() { under.Wait(); close(ended) }()
	asks := newAsker(t, m, b)
	clips := b.playAll(events, ended, func() { asks.send("rescan", "{}") }) // a scan meets what is being written
	for name := range programs {
		if _, none := clips[name]; none == slices.Contains(withoutClips, name) {
			t.Errorf("%s brought clips: %v", name, none)
		}
	}
	t.Logf("clips announced: %v", clips)
}

// playAll plays each clip as soon as it is announced, until the recorders have ended and every file is a clip or a partial.
// It counts the clips of each camera. A clip that goes was no finished recording.
func (b *box) playAll(events *subscriber, ended <-chan struct{}, rescan func()) map[string]int {
	b.t.Helper()
	clips, played := map[string]int{}, map[string]bool{}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	over := false
	for deadline := time.After(4 * patience); ; {
		select {
		case m := <-events.messages:
			switch e := m.event(); {
			case e.EventType == "clip_removed":
				b.t.Errorf("%s was announced and has gone: %s", e.Path, e.Reason)
			case e.EventType == "clip_added" && !played[e.Path]:
				played[e.Path] = true
				clips[e.Camera]++
				b.plays(e)
			}
		case <-ended:
			ended, over = nil, true
		case <-look.C:
			if over && len(b.undecided(played)) == 0 {
				return clips
			}
			rescan()
		case <-deadline:
			b.t.Fatalf("neither announced nor partial: %q\n%s", b.undecided(played), b.lines.all())
		}
	}
}

// plays fetches an announced clip and lets ffprobe read every packet of it.
func (b *box) plays(e event) {
	b.t.Helper()
	status, body := fetch(b.t, e.URL)
	copied := filepath.Join(b.t.TempDir(), "clip"+filepath.Ext(e.Path))
	must(b.t, os.WriteFile(copied, body, 0o600))
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", copied).Output()
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if n, e2 := strconv.Atoi(strings.Trim(first, ", \r")); status != 200 || int64(len(body)) != e.Size || err != nil || e2 != nil || n < 1 {
		b.t.Errorf("%s, complete %v, %d bytes: it answers %d with %d bytes; ffprobe: %q, %v", e.Path, e.Complete, e.Size, status, len(body), out, err)
	}
}

// undecided are the recordings that are neither among the clips that were announced nor partial.
func (b *box) undecided(announced map[string]bool) (files []string) {
	b.t.Helper()
	var told struct {
		Partial []struct{ Path string } `json:"partial"`
	}
	b.get("/api/v1/partial?limit=1000", &told)
	partial := map[string]bool{}
	for _, p := range told.Partial {
		partial[p.Path] = true
	}
	must(b.t, filepath.WalkDir(b.recordings(), func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(b.recordings(), path)
		media := slices.Contains([]string{".mp4", ".mkv", ".ts", ".avi", ".mjpeg"}, filepath.Ext(path))
		if err == nil && d.Type().IsRegular() && media && !announced[rel] && !partial[rel] {
			files = append(files, rel)
		}
		return err
	}))
	return files
}
