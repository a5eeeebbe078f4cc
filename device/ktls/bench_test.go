package ktls

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHandshake is a full handshake, as each connection begins with one: there are no tickets. It tells the CPU time of
// both sides together; the server signs, the client verifies, which is more.
func BenchmarkHandshake(b *testing.B) {
	cfg := serverConfig(b)
	cfg.SessionTicketsDisabled = true
	for _, curve := range []tls.CurveID{tls.X25519, tls.X25519MLKEM768} {
		b.Run(curve.String(), func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				here, there := net.Pipe()
				client := tls.Client(there, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{curve}})
				done := make(chan error, 1)
				go func() { done <- client.Handshake() }()
				if err := tls.Server(here, cfg).Handshake(); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				here.Close()
				there.Close()
			}
			b.ReportMetric(float64(cpu(b)-before)/1e6/float64(b.N), "cpu-ms/op")
		})
	}
}
