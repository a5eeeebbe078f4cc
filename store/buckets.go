package store

// schema is the version of everything doc.go says about the file. A file with a higher one is set aside.
const schema = 1

// The buckets of the catalogue. doc.go says what each row holds.
var (
	bucketMeta    = []byte("meta")
	bucketClips   = []byte("clips")
	bucketPaths   = []byte("paths")
	bucketIndex   = []byte("index")
	bucketPending = []byte("pending")
	bucketMarked  = []byte("marked")
	bucketCameras = []byte("cameras")
	bucketHours   = []byte("hours")
	bucketJournal = []byte("journal")
	bucketCursors = []byte("cursors")
	bucketPartial = []byte("partial")
)

var allBuckets = [][]byte{
	bucketMeta, bucketClips, bucketPaths, bucketIndex, bucketPending, bucketMarked,
	bucketCameras, bucketHours, bucketJournal, bucketCursors, bucketPartial,
}

// Rows of the meta bucket.
var (
	metaSchema     = []byte("schema")
	metaGeneration = []byte("generation")
	metaRoot       = []byte("root")
	metaSums       = []byte("sums")
	metaBoot       = []byte("boot")
)
