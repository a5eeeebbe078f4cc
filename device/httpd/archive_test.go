package httpd

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// named is the address of an archive of clips.
func named(clips ...store.Clip) string {
	var ids []string
	for _, c := range clips {
		ids = append(ids, "id="+c.ID.String())
	}
	return "/archive.zip?" + strings.Join(ids, "&")
}

// threeClips are of different lengths: none, one that net/http sends, one that becomes a transfer.
func (b *box) threeClips() []store.Clip {
	at := func(minute int) func(*store.Clip) {
		return func(c *store.Clip) { c.Start = start.Add(time.Duration(minute) * time.Minute) }
	}
	return []store.Clip{
		b.clip("front/a.mp4", content(5000), at(0)),
		b.clip("yard/b.MP4", nil, at(1)),
		b.clip("front/c.ts", content(3<<20), at(2)),
	}
}

// zipFile writes an archive to a file.
func zipFile(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// unpackers are the programs that must find an archive in order, without the name of the file.
var unpackers = [][]string{
	{"unzip", "-tqq"}, {"python3", "-m", "zipfile", "-t"}, {"bsdtar", "-xOf"},
}

// unpack runs one of them, and fails the test if it is not content.
func unpack(t testing.TB, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		missing(t, command[0]+" is not installed (Debian: unzip, python3, libarchive-tools)")
	}
	var out, complaint bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil || complaint.Len() > 0 && command[0] != "python3" {
		t.Errorf("%v: %v\n%s", command, err, complaint.Bytes())
	}
	return out.String()
}

func TestArchive(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Location = time.FixedZone("", 2*3600) })
	clips := b.threeClips()
	a := b.get(named(clips...)).is(t, 200, "")
	a.header(t, "Content-Type", "application/zip")
	a.header(t, "Content-Length", itoa(int64(len(a.body))))
	a.header(t, "Accept-Ranges", "bytes")
	a.header(t, "Cache-Control", "private, no-cache")
	a.header(t, "Last-Modified", "")
	a.header(t, "Content-Disposition", `attachment; filename="porch-3-clips.zip"; filename*=UTF-8''porch-3-clips.zip`)
	z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	b.must(err)
	names := []string{"front/2026-11-22_09-55-01.mp4", "yard/2026-11-22_09-56-01.mp4", "front/2026-11-22_09-57-01.ts"}
	for i, f := range z.File {
		in, err := f.Open()
		b.must(err)
		got, err := io.ReadAll(in)
		want, _ := os.ReadFile(filepath.Join(b.dir, clips[i].Path))
		if err != nil || !bytes.Equal(got, want) || f.Name != names[i] || f.Method != zip.Store {
			t.Errorf("file %d: %q, %d bytes, %v, want %q, %d bytes", i, f.Name, len(got), err, names[i], len(want))
		}
		if mtime := clips[i].Mtime.Truncate(time.Second); !f.Modified.Equal(mtime) {
			t.Errorf("file %d: modified %v, want %v", i, f.Modified, mtime)
		}
		year, clock := f.ModifiedDate, f.ModifiedTime
		local := clips[i].Mtime.In(b.cfg.Location)
		if int(year>>9)+1980 != local.Year() || int(year&31) != local.Day() || int(clock>>11) != local.Hour() || int(clock>>5&63) != local.Minute() {
			t.Errorf("file %d: DOS date %x and time %x, want those of %v", i, year, clock, local)
		}
	}
	name := zipFile(t, a.body)
	for _, command := range unpackers {
		unpack(t, append(command, name)...)
	}
	if st := b.server.Stats(); st.Bytes != uint64(len(a.body)) {
		t.Errorf("%d bytes went out by sendfile, %d were copied, want %d", st.Bytes, st.Copied, len(a.body))
	}
}

func TestArchiveIsTheSameHoweverItIsAskedFor(t *testing.T) {
	b := newBox(t)
	clips := b.threeClips()
	a := b.get(named(clips...)).is(t, 200, "")
	ids := []string{}
	pairs := []string{}
	for _, c := range clips {
		ids = append(ids, c.ID.String())
		pairs = append(pairs, "id="+c.ID.String())
	}
	text, err := json.Marshal(map[string][]string{"ids": ids})
	b.must(err)
	for name, got := range map[string]answer{
		"again":      b.get(named(clips...)),
		"as JSON":    b.ask(store.Viewer, "POST", "/archive.zip", string(text), "Range", "bytes=5-", "If-None-Match", a.Header.Get("ETag")),
		"as a form":  b.ask(store.Viewer, "POST", "/archive.zip", strings.Join(pairs, "&"), "Content-Type", "application/x-www-form-urlencoded"),
		"by filters": b.get("/archive.zip?order=oldest&from=2026-11-22"),
		"limited":    b.get("/archive.zip?order=oldest&limit=3"),
	} {
		if got.StatusCode != 200 || !bytes.Equal(got.body, a.body) || got.Header.Get("ETag") != a.Header.Get("ETag") {
			t.Errorf("%s: %d, %d bytes, %s, want %d bytes, %s", name, got.StatusCode, len(got.body), got.Header.Get("ETag"), len(a.body), a.Header.Get("ETag"))
		}
	}
	for _, other := range []string{named(clips[:2]...), named(clips[1], clips[0], clips[2]), "/archive.zip?camera=front"} {
		if got := b.get(other).is(t, 200, ""); got.Header.Get("ETag") == a.Header.Get("ETag") || bytes.Equal(got.body, a.body) {
			t.Errorf("%s is the same archive", other)
		}
	}
	b.get(named(clips...), "If-None-Match", a.Header.Get("ETag")).is(t, 304, "")
	b.get(named(clips...), "Range", "bytes=99999999-").is(t, 416, "range-not-satisfiable")
	head := b.ask(store.Viewer, "HEAD", named(clips...), "").is(t, 200, "")
	head.header(t, "Content-Length", itoa(int64(len(a.body))))
}

// A download that breaks anywhere goes on where it broke, and ends with the same bytes.
func TestArchiveIsResumed(t *testing.T) {
	b := newBox(t)
	clips := b.threeClips()
	for i := range 40 { // several blocks of the layout
		clips = append(clips, b.clip(fmt.Sprintf("cam/%d.mp4", i), content(i*37)))
	}
	whole := b.get(named(clips...)).is(t, 200, "")
	tag, size := whole.Header.Get("ETag"), int64(len(whole.body))
	random := rand.New(rand.NewPCG(6, 6))
	from := []int64{0, 1, 30, 31, size - 1, size - 22, size - 23}
	for range 30 {
		from = append(from, random.Int64N(size), size-random.Int64N(20_000))
	}
	for _, at := range from {
		got := b.get(named(clips...), "Range", fmt.Sprintf("bytes=%d-", at), "If-Range", tag).is(t, 206, "")
		if !bytes.Equal(got.body, whole.body[at:]) {
			t.Fatalf("from %d: the bytes differ", at)
		}
	}
	got := b.get(named(clips...), "Range", "bytes=10-19", "If-Range", `"another"`).is(t, 200, "")
	if !bytes.Equal(got.body, whole.body) {
		t.Error("a stale If-Range got other bytes")
	}
	if parts := b.get(named(clips...), "Range", "bytes=5-9,1000000-1000009").is(t, 206, ""); !bytes.Contains(parts.body, whole.body[1000000:1000010]) {
		t.Error("several ranges at once: the second is not there")
	}
	b.pieces(named(clips...), tag, whole.body, random)
}

// pieces fetches an archive in pieces: each connection breaks in the middle of an answer.
func (b *box) pieces(path, tag string, want []byte, random *rand.Rand) {
	b.t.Helper()
	var got []byte
	for len(got) < len(want) {
		r := b.request("GET", path, nil, "Authorization", "Bearer "+b.secret[store.Viewer],
			"Range", fmt.Sprintf("bytes=%d-", len(got)), "If-Range", tag)
		resp, err := client.Do(r)
		b.must(err)
		piece, err := io.ReadAll(io.LimitReader(resp.Body, 1+random.Int64N(400_000)))
		resp.Body.Close()
		b.must(err)
		got = append(got, piece...)
	}
	if !bytes.Equal(got, want) {
		b.t.Errorf("%d bytes in pieces differ from %d at once", len(got), len(want))
	}
}

func TestArchiveIsRefused(t *testing.T) {
	b := newBox(t)
	clips := b.threeClips()
	raw := b.clip("front/raw.mp4", content(10), func(c *store.Clip) { c.Hashed = false })
	lost, changed := b.clip("front/lost.mp4", content(10)), b.clip("front/changed.mp4", content(10))
	b.must(os.Remove(filepath.Join(b.dir, lost.Path)))
	b.must(os.Truncate(filepath.Join(b.dir, changed.Path), 5))
	var many []string
	for i := range maxArchive + 1 {
		many = append(many, fmt.Sprintf(`"%016d"`, i))
	}
	json := func(ids ...string) string { return `{"ids":[` + strings.Join(ids, ",") + `]}` }
	id := `"` + clips[0].ID.String() + `"`
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for name, v := range map[string]struct {
		got    answer
		status int
		slug   string
		tells  string
	}{
		"not hashed":          {b.get(named(clips[0], raw)), 409, "not-hashed", raw.ID.String()},
		"gone":                {b.get(named(clips[0], lost)), 410, "gone", lost.ID.String()},
		"changed":             {b.get(named(changed, clips[0])), 410, "gone", changed.ID.String()},
		"unknown":             {b.get("/archive.zip?id=0123456789abcdef"), 404, "not-found", "0123456789abcdef"},
		"nothing matches":     {b.get("/archive.zip?camera=none"), 404, "not-found", ""},
		"nothing selected":    {b.get("/archive.zip"), 400, "bad-request", "id"},
		"malformed":           {b.get("/archive.zip?id=x"), 400, "bad-request", "id"},
		"twice":               {b.get(named(clips[0], clips[1], clips[0])), 400, "bad-request", clips[0].ID.String()},
		"ids and filters":     {b.get(named(clips[0]) + "&camera=front"), 400, "bad-request", "filters"},
		"unknown filter":      {b.get("/archive.zip?colour=red"), 400, "bad-request", "colour"},
		"cursor":              {b.get("/archive.zip?cursor=x"), 400, "bad-request", "cursor"},
		"too many named":      {b.get("/archive.zip?" + strings.Repeat("id=0123456789abcdef&", 501)), 400, "bad-request", "POST"},
		"posted twice":        {b.ask(store.Viewer, "POST", "/archive.zip", json(id, id)), 400, "bad-request", clips[0].ID.String()},
		"posted nothing":      {b.ask(store.Viewer, "POST", "/archive.zip", json()), 404, "not-found", ""},
		"posted no list":      {b.ask(store.Viewer, "POST", "/archive.zip", `{"clips":[]}`), 400, "bad-request", "ids"},
		"posted more":         {b.ask(store.Viewer, "POST", "/archive.zip", `{"ids":[`+id+`],"x":1}`), 400, "bad-request", "ids"},
		"posted half":         {b.ask(store.Viewer, "POST", "/archive.zip", `{"ids":[`+id), 400, "bad-request", "ids"},
		"posted numbers":      {b.ask(store.Viewer, "POST", "/archive.zip", `{"ids":[5]}`), 400, "bad-request", "ids"},
		"posted another form": {b.ask(store.Viewer, "POST", "/archive.zip", "token=1", form...), 400, "bad-request", "id="},
		"posted too many":     {b.ask(store.Viewer, "POST", "/archive.zip", json(many...)), 400, "bad-request", "100000"},
		"posted too much":     {b.ask(store.Viewer, "POST", "/archive.zip", json(id)+strings.Repeat(" ", maxSelection)), 400, "bad-request", "100000"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := v.got.is(t, v.status, v.slug); !strings.Contains(string(a.body), v.tells) {
				t.Errorf("the problem does not say %q: %s", v.tells, a.body)
			}
		})
	}
	b.get("/archive.zip?"+strings.Repeat("id=0123456789abcdef&", 499)+"id=0123456789abcdef").is(t, 400, "bad-request") // twice, not too many
	if n := len(b.server.archives.inUse); n != 0 {
		t.Errorf("%d archives are still noted as being fetched", n)
	}
}

// startArchive reads a little of an archive of three large clips, and leaves the rest for later.
func (b *box) startArchive() ([]store.Clip, *http.Response) {
	b.t.Helper()
	clips := []store.Clip{b.clip("a/1.mp4", content(large)), b.clip("a/2.mp4", content(large)), b.clip("a/3.mp4", content(10))}
	r := b.request("GET", named(clips...), nil, "Authorization", "Bearer "+b.secret[store.Viewer])
	resp, err := client.Do(r)
	b.must(err)
	b.t.Cleanup(func() { resp.Body.Close() })
	_, err = io.CopyN(io.Discard, resp.Body, 1000)
	b.must(err)
	return clips, resp
}

func TestArchiveOfAClipThatChangesOnItsWayEndsTheConnection(t *testing.T) {
	for name, change := range map[string]func(*box, store.Clip) error{
		"truncated": func(b *box, c store.Clip) error { return os.Truncate(filepath.Join(b.dir, c.Path), large/2) },
		"deleted":   func(b *box, c store.Clip) error { return os.Remove(filepath.Join(b.dir, c.Path)) },
		"forgotten": func(b *box, c store.Clip) error { return b.store.Apply(b.t.Context(), store.Forget(c.ID, "test")) },
		"its time is corrected": func(b *box, c store.Clip) error {
			c.Start = c.Start.Add(time.Hour)
			return b.store.Apply(b.t.Context(), store.Forget(c.ID, "test"), store.Add(c, store.Live))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			clips, resp := b.startArchive()
			if !b.server.Fetching(clips[0].ID) || !b.server.Fetching(clips[2].ID) || b.server.Fetching(store.ID{1}) {
				t.Error("not all clips of the archive, or others, are said to be fetched")
			}
			b.must(change(b, clips[1]))
			if n, err := io.Copy(io.Discard, resp.Body); err == nil || n < large-1000 {
				t.Errorf("%d bytes, %v: want the first clip whole, and then an end that can be told from a whole one", n, err)
			}
			await(t, "the log line", b.log.line("truncated"))
			b.eventually("nothing is fetched", func() bool { return !b.server.Fetching(clips[0].ID) && b.server.Stats().Files == 0 })
		})
	}
}

// However many clients fetch an archive, it is in memory once, and no client takes a slot of a handler.
func TestArchiveIsSharedByItsClients(t *testing.T) {
	b := newBox(t)
	clips := []store.Clip{b.clip("a/1.mp4", content(large))}
	for i := range 20 {
		clips = append(clips, b.clip(fmt.Sprintf("a/%d.mp4", i+2), content(1)))
	}
	const clients = slots + 10
	for i := range clients {
		method, path, body := "GET", named(clips...), ""
		if i%2 == 1 {
			method, path, body = "POST", "/archive.zip", `{"ids":["`+strings.ReplaceAll(strings.TrimPrefix(path, "/archive.zip?id="), "&id=", `","`)+`"]}`
		}
		r := b.request(method, path, strings.NewReader(body), "Authorization", "Bearer "+b.secret[store.Viewer])
		resp, err := client.Do(r)
		b.must(err)
		b.t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode != 200 {
			t.Fatalf("client %d got %d", i, resp.StatusCode)
		}
	}
	b.eventually("all are transfers", func() bool { st := b.server.Stats(); return st.Transfers == clients && st.Lent <= 2 })
	b.server.archives.mu.Lock()
	defer b.server.archives.mu.Unlock()
	if n := len(b.server.archives.inUse); n != 1 || b.server.archives.clips != len(clips) {
		t.Errorf("%d archives of %d clips in memory, want one of %d", n, b.server.archives.clips, len(clips))
	}
}

func TestTooManyArchives(t *testing.T) {
	b := newBox(t)
	clips := b.threeClips()
	b.server.archives.clips = maxArchived - 2
	b.get(named(clips...)).is(t, 503, "busy").header(t, "Retry-After", "5")
	b.get(named(clips[:2]...)).is(t, 200, "")
}

// Sizes and places above 4 GiB: everything but the bytes of a sparse file is fetched and looked at by those who know ZIP.
func TestArchiveAbove4GiB(t *testing.T) {
	b := newBox(t)
	const hole = 5 << 30
	b.file("a/big.mp4", nil)
	b.must(os.Truncate(filepath.Join(b.dir, "a/big.mp4"), hole))
	big := b.row("a/big.mp4", nil) // its checksum is wrong, but nobody reads it
	b.must(b.store.Apply(t.Context(), store.Add(big, store.Live)))
	small := b.clip("a/small.mp4", content(5000), func(c *store.Clip) { c.Start = start.Add(time.Minute) })
	path := named(big, small)
	head := b.ask(store.Viewer, "HEAD", path, "").is(t, 200, "")
	size := head.ContentLength
	out, err := os.Create(filepath.Join(t.TempDir(), "big.zip"))
	b.must(err)
	defer out.Close()
	b.must(out.Truncate(size))
	for _, piece := range [][2]int64{{0, 4095}, {hole - 100, size - 1}} {
		got := b.get(path, "Range", fmt.Sprintf("bytes=%d-%d", piece[0], piece[1])).is(t, 206, "")
		_, err := out.WriteAt(got.body, piece[0])
		b.must(err)
	}
	z, err := zip.NewReader(out, size)
	b.must(err)
	if len(z.File) != 2 || z.File[0].UncompressedSize64 != hole {
		t.Fatalf("%d files, the first of %d bytes, want 2, %d", len(z.File), z.File[0].UncompressedSize64, int64(hole))
	}
	in, err := z.File[1].Open()
	b.must(err)
	if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, content(5000)) {
		t.Errorf("behind 4 GiB: %d bytes, %v", len(got), err)
	}
	name := nameOf(small, time.UTC, false)
	unpack(t, "unzip", "-tqq", out.Name(), name)
	if list := unpack(t, "bsdtar", "-tvf", out.Name()); !strings.Contains(list, itoa(hole)) || !strings.Contains(list, name) {
		t.Errorf("bsdtar lists %s", list)
	}
	read := "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(len(z.read(sys.argv[2])), z.infolist()[0].file_size)"
	if got := unpack(t, "python3", "-c", read, out.Name(), name); got != fmt.Sprintln(5000, int64(hole)) {
		t.Errorf("python reads %s", got)
	}
}

// Each name stands for two clips, in many blocks of the directory.
func TestArchiveOfManyClips(t *testing.T) {
	b := newBox(t)
	const n = 2000
	b.must(os.Mkdir(filepath.Join(b.dir, "a"), 0o755))
	ops := make([]store.Op, 0, n)
	for i := range n {
		path := fmt.Sprintf("a/%05d.mp4", i)
		b.must(os.WriteFile(filepath.Join(b.dir, path), nil, 0o600))
		c := b.row(path, nil)
		c.Start = start.Add(time.Duration(i/2) * time.Second)
		ops = append(ops, store.Add(c, store.Live))
	}
	b.must(b.store.Apply(t.Context(), ops...))
	a := b.get("/archive.zip?camera=a").is(t, 200, "")
	z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	b.must(err)
	seen := map[string]bool{}
	for _, f := range z.File {
		seen[f.Name] = true
	}
	if len(z.File) != n || len(seen) != n {
		t.Errorf("%d entries with %d names, want %d", len(z.File), len(seen), n)
	}
	unpack(t, "unzip", "-tqq", zipFile(t, a.body))
}

func TestNamesInAnArchive(t *testing.T) {
	for camera, want := range map[string]string{
		"front": "front", "Hof Süd": "Hof Süd", "": "_", ".": "_", "..": "_", "../../etc": "_.._.._etc", "/etc": "_etc", `a\b:c*?"<>|`: "a_b_c______",
		"con": "_con", "CON.txt": "_CON.txt", "console": "console", "a. .": "a_", ".hidden": "_.hidden", "a\x00b\nc\u202e": "a_b_c_", "\xff\xfe": "_",
		"猫": "猫", strings.Repeat("ü", 100): strings.Repeat("ü", 40), "nul .x": "_nul .x",
	} {
		if got := tame(camera); got != want {
			t.Errorf("%q becomes %q, want %q", camera, got, want)
		}
	}
	for name, want := range map[string]string{"a.mp4": ".mp4", "a.MKV": ".mkv", "a": "", "a.": "", "a.m p4": "", "a.tör": "", "a.averylongone": "", "a.mp4/b": ""} {
		if got := extension(name); got != want {
			t.Errorf("%q has the extension %q, want %q", name, got, want)
		}
	}
}

// When clocks are set back, two clips can begin at the same time of day; cameras may differ in case alone.
func TestTwinsHaveDifferentNames(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		missing(t, "there are no time zones here (Debian: tzdata)")
	}
	b := newBox(t, func(c *Config) { c.Location = zone })
	at := func(at time.Time) func(*store.Clip) { return func(c *store.Clip) { c.Start = at } }
	summer := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	clips := []store.Clip{
		b.clip("a/1.mp4", nil, at(summer)), b.clip("a/2.mp4", nil, at(summer.Add(time.Hour))),
		b.clip("A/3.mp4", nil, at(summer)), b.clip("a/4.mp4", nil, at(summer.Add(2*time.Hour))),
	}
	a := b.get(named(clips...)).is(t, 200, "")
	z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	b.must(err)
	want := []string{
		"a/2026-10-25_02-30-00_" + clips[0].ID.String() + ".mp4", "a/2026-10-25_02-30-00_" + clips[1].ID.String() + ".mp4",
		"A/2026-10-25_02-30-00_" + clips[2].ID.String() + ".mp4", "a/2026-10-25_03-30-00.mp4",
	}
	for i, f := range z.File {
		if f.Name != want[i] {
			t.Errorf("file %d is %q, want %q", i, f.Name, want[i])
		}
	}
}
