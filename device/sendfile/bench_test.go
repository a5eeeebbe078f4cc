package sendfile

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkRange asks for ranges on one connection that is kept, from the engine and from net/http alone.
func BenchmarkRange(b *testing.B) {
	path, _ := random(b, 8<<20)
	for _, size := range []int{64 << 10, 512 << 10, 4 << 20} {
		for _, handOver := range []int64{1, 1 << 40} {
			b.Run(fmt.Sprintf("%dKiB/handover=%v", size>>10, handOver == 1), func(b *testing.B) {
				benchRange(b, start(b, Config{HandOver: handOver}, routes(b, path, nil)).addr, size)
			})
		}
		b.Run(fmt.Sprintf("%dKiB/ServeContent", size>>10), func(b *testing.B) {
			tcp, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })}
			go srv.Serve(tcp)
			defer srv.Close()
			benchRange(b, tcp.Addr().String(), size)
		})
	}
}

func benchRange(b *testing.B, addr string, size int) {
	c := dial(b, addr)
	c.SetDeadline(time.Time{})
	br := bufio.NewReaderSize(c, 64<<10)
	b.SetBytes(int64(size))
	before := cpu(b)
	for b.Loop() {
		fmt.Fprintf(c, "GET /clip HTTP/1.1\r\nHost: box\r\nRange: bytes=0-%d\r\n\r\n", size-1)
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != int64(size) {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMemory reports what a parked connection and a transfer cost the heap.
func BenchmarkMemory(b *testing.B) {
	path, _ := random(b, 64<<20)
	for name, request := range map[string]string{"parked": "", "transfer": getClip} {
		b.Run(name, func(b *testing.B) {
			const n = 1000
			r := start(b, Config{}, routes(b, path, nil))
			conns := make([]int, 0, n)
			defer func() {
				for _, fd := range conns {
					unix.Close(fd)
				}
			}()
			before := heap()
			for range n {
				conns = append(conns, plainDial(b, r.addr, request))
			}
			until(b, r.Engine, "all there", func(st Stats) bool {
				return st.Parked == n || st.Transfers == n && st.Lent == 0
			})
			each := float64(heap()-before) / n
			for b.Loop() { // nothing: the memory is what is measured
			}
			b.ReportMetric(each, "B/connection")
		})
	}
}

// plainDial connects without Go's net, whose own memory would be counted too.
func plainDial(b *testing.B, addr, say string) int {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		b.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())})
	}
	if err == nil && say != "" {
		_, err = unix.Write(fd, []byte(say))
	}
	if err != nil {
		b.Fatal(os.NewSyscallError("connect", err))
	}
	return fd
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
