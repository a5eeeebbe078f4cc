package httpd

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// compressors are kept for the next page: one holds some hundred kB, which the collector takes back when nobody looks.
var compressors = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return z
}}

// writeCompressed answers r with body, compressed if that is taken. Only pages go this way, never the bytes of a clip.
func writeCompressed(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Vary", "Accept-Encoding")
	if !takesGzip(r) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		w.Write(body)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := compressors.Get().(*gzip.Writer)
	z.Reset(w)
	z.Write(body)
	z.Close() // whoever is gone by now needs no answer
	z.Reset(io.Discard)
	compressors.Put(z)
}
