package probe

// track is one trak box, ISO/IEC 14496-12 §8.3.
type track struct {
	id        uint32
	handler   fourCC // vide, soun, …
	timescale uint32 // of the media, per second
	duration  uint64 // of the media, in timescale
	skipped   int64  // media before the first edit, in timescale
	codec     string
	size      pictureSize
	rotation  int    // degrees clockwise
	samples   uint32 // that moov lists
	lastChunk int64  // file offset of the last chunk that moov lists

	fragments trackFragments
}

func (t track) isVideo() bool { return t.handler == fourCC{'v', 'i', 'd', 'e'} }
func (t track) isAudio() bool { return t.handler == fourCC{'s', 'o', 'u', 'n'} }

// readTrack reads a trak box.
func readTrack(w *window, trak box) (t track) {
	for b := range children(w, trak, trak.body) {
		switch string(b.kind[:]) {
		case "tkhd":
			t.readTkhd(w, b)
		case "edts":
			if elst, ok := child(w, b, "elst"); ok {
				t.readElst(w, elst)
			}
		case "mdia":
			t.readMdia(w, b)
		}
	}
	return t
}

// readTkhd reads the track header, §8.3.2: the id and the matrix that turns the picture.
func (t *track) readTkhd(w *window, b box) {
	_, t.id, _ = readTimes(w, b, 4)
	version, _, _ := fullBox(w, b)
	matrix := int64(40)
	if version == 1 {
		matrix = 52
	}
	if p := field(w, b, matrix, 36); p != nil {
		t.rotation = rotation(int32(be.Uint32(p)), int32(be.Uint32(p[4:])))
	}
}

// rotation is the clockwise angle of a matrix whose first row is a, b (§8.3.2.3): x' = a·x + …, and y
// points down.
func rotation(a, b int32) int {
	switch {
	case a == 0 && b > 0:
		return 90
	case a < 0 && b == 0:
		return 180
	case a == 0 && b < 0:
		return 270
	}
	return 0
}

// readElst reads where the first edit that shows media begins, §8.6.6.
func (t *track) readElst(w *window, b box) {
	version, _, _ := fullBox(w, b)
	head := field(w, b, 4, 4)
	if head == nil {
		return
	}
	for i := range min(be.Uint32(head), 16) {
		start, ok := editStart(w, b, version, int64(i))
		if !ok {
			return
		}
		if start >= 0 { // -1 is an empty edit: a delay
			t.skipped = start
			return
		}
	}
}

// editStart returns media_time of entry i of an edit list.
func editStart(w *window, b box, version byte, i int64) (int64, bool) {
	if version == 1 {
		p := field(w, b, 8+20*i, 20)
		if p == nil {
			return 0, false
		}
		return int64(be.Uint64(p[8:])), true
	}
	p := field(w, b, 8+12*i, 12)
	if p == nil {
		return 0, false
	}
	return int64(int32(be.Uint32(p[4:]))), true
}

// readMdia reads the media box, §8.4.1.
func (t *track) readMdia(w *window, mdia box) {
	for b := range children(w, mdia, mdia.body) {
		switch string(b.kind[:]) {
		case "mdhd":
			_, t.timescale, t.duration = readTimes(w, b, 0)
		case "hdlr":
			if p := field(w, b, 8, 4); p != nil {
				t.handler = fourCC(p)
			}
		case "minf":
			if stbl, ok := child(w, b, "stbl"); ok {
				t.readStbl(w, stbl)
			}
		}
	}
}

// readStbl reads the sample table, §8.5.1, without the tables themselves.
func (t *track) readStbl(w *window, stbl box) {
	for b := range children(w, stbl, stbl.body) {
		switch string(b.kind[:]) {
		case "stsd":
			t.readStsd(w, b)
		case "stsz", "stz2": // §8.7.3: sample_count is the third word of both
			if p := field(w, b, 8, 4); p != nil {
				t.samples = be.Uint32(p)
			}
		case "stco": // §8.7.5
			if p := lastEntry(w, b, 4); p != nil {
				t.lastChunk = int64(be.Uint32(p))
			}
		case "co64":
			if p := lastEntry(w, b, 8); p != nil {
				t.lastChunk = int64(min(be.Uint64(p), 1<<62))
			}
		}
	}
}

// lastEntry returns the last of the entries, each width bytes long, of a counted table.
func lastEntry(w *window, b box, width int64) []byte {
	p := field(w, b, 4, 4)
	if p == nil {
		return nil
	}
	count := int64(be.Uint32(p))
	if count == 0 {
		return nil
	}
	return field(w, b, 8+(count-1)*width, int(width))
}
