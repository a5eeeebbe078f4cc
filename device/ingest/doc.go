// Package ingest turns settled files beneath the root into clips in the catalogue: live ones as their recorder closes
// them, older ones by a scan. It decides what is settled, which camera a clip is from, when it started and which
// sidecars belong to it.
//
// It reads files (through root), watches folders (through watch) and writes rows (through store). It deletes, renames
// and creates no file, publishes nothing and serves nothing.
//
// The parts: live.go is the path from a closed file to its row, on which nothing sleeps and nothing polls; scan.go is
// the three-pass scan that live files overtake; look.go decides whether a file is settled; hash.go reads a file once for
// both sums; name.go, start.go, camera.go and sidecar.go are the rules about names and times, free of any file.
package ingest
