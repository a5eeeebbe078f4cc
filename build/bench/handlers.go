package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// A sending is one way for a Go program to answer with a whole file.
type sending func(w http.ResponseWriter, r *http.Request, f *os.File, size int64)

// sendings are the ways that clipd is compared with.
var sendings = map[string]sending{
	"userspace": func(w http.ResponseWriter, _ *http.Request, f *os.File, size int64) {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = io.Copy(struct{ io.Writer }{w}, struct{ io.Reader }{f}) // both wrapped: nothing but Read and Write is left
	},
	"readfrom": func(w http.ResponseWriter, _ *http.Request, f *os.File, size int64) {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = io.Copy(w, f)
	},
	"servecontent": func(w http.ResponseWriter, r *http.Request, f *os.File, _ int64) {
		http.ServeContent(w, r, "clip.mp4", time.Time{}, f)
	},
	"hijack": hijack,
}

// hijack takes the connection from net/http and blocks a thread in sendfile(2) until everything is sent.
func hijack(w http.ResponseWriter, _ *http.Request, f *os.File, size int64) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", size)
	out, err := c.(*net.TCPConn).File()
	if err != nil {
		return
	}
	defer out.Close()
	for sent := int64(0); sent < size; {
		n, err := syscall.Sendfile(int(out.Fd()), int(f.Fd()), &sent, int(min(size-sent, 1<<30))) // Fd makes them blocking
		if err != nil && !errors.Is(err, syscall.EINTR) || err == nil && n == 0 {
			return
		}
	}
}

// serveAlone is the child process of one contender: it answers every request that carries the token with the file.
func serveAlone(args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	how := fs.String("how", "", "one of the sendings")
	listen := fs.String("listen", "", "`ADDR`")
	file := fs.String("file", "", "the clip")
	token := fs.String("token", "", "what clients must show")
	if err := fs.Parse(args); err != nil {
		return err
	}
	send, want := sendings[*how], sha256.Sum256([]byte("Bearer "+*token))
	return http.ListenAndServe(*listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := sha256.Sum256([]byte(r.Header.Get("Authorization"))); subtle.ConstantTimeCompare(got[:], want[:]) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f, err := os.Open(*file)
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		defer f.Close()
		fi, err := f.Stat()
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		send(w, r, f, fi.Size())
	}))
}
