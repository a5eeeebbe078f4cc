// Command load measures servers of HTTPS from within the machine they run on: each sends the same file to one client at a
// time; then clipd alone holds many clients that read slowly.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("load:", err)
		os.Exit(1)
	}
}

func run() error {
	mb := flag.Int64("mb", 64, "")
	rounds := flag.Int("rounds", 3, "")
	clients := flag.Int("clients", 1000, "")
	flag.Parse()
	// The first half without the module: records are made by the servers.
	process, err := measure(*mb<<20, *rounds, *clients, "")
	if err != nil {
		return err
	}
	if err := loadModule("/tls.ko"); err != nil {
		return err
	}
	kernel, err := measure(*mb<<20, *rounds, *clients, "ssl_conf_command Options KTLS; sendfile on;")
	if err != nil {
		return err
	}
	tell(process, kernel, *clients)
	return nil
}

// result is what one half found: seconds of CPU per gigabyte in each round, and bytes of peak memory.
type result struct {
	clipd, nginx        []float64
	plainPeak, tlsPeak  int64
	clipdKTLS, nginxTLS int // connections the kernel switched
}

func measure(size int64, rounds, clients int, nginxMore string) (r result, err error) {
	c, err := startClipd(size)
	if err != nil {
		return r, err
	}
	defer c.stop()
	n, err := startNginx(nginxMore)
	if err != nil {
		return r, err
	}
	defer n.stop()
	for range rounds {
		for _, s := range []struct {
			server   *server
			costs    *[]float64
			switched *int
		}{{c, &r.clipd, &r.clipdKTLS}, {n, &r.nginx, &r.nginxTLS}} {
			before := switched()
			cost, err := s.server.cost(size)
			if err != nil {
				return r, err
			}
			*s.costs = append(*s.costs, cost)
			*s.switched += switched() - before
		}
	}
	return r, c.memory(clients, &r)
}

// client takes any certificate.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
}

// cost downloads the file once and returns the server's seconds of CPU per gigabyte.
func (s *server) cost(size int64) (float64, error) {
	before := s.cpu()
	res, err := s.get(context.Background(), s.secure)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n < size {
		return 0, fmt.Errorf("%s sent %d bytes of %d: %w", s.name, n, size, err)
	}
	return (s.cpu() - before).Seconds() / float64(n) * 1e9, nil
}

func (s *server) get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := client().Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		res.Body.Close()
		err = errors.New(s.name + " answers " + res.Status)
	}
	return res, err
}

// memory holds clients that read the beginning and no more, without TLS and with it, each from a fresh start.
func (s *server) memory(clients int, r *result) error {
	for _, way := range []struct {
		url  func() string
		peak *int64
	}{{func() string { return s.plain }, &r.plainPeak}, {func() string { return s.secure }, &r.tlsPeak}} {
		if err := s.restart(); err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(context.Background())
		for range clients {
			res, err := s.get(ctx, way.url())
			if err != nil {
				cancel()
				return err
			}
			defer res.Body.Close()
			if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
				cancel()
				return err
			}
		}
		*way.peak = s.peak()
		cancel()
	}
	return nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("finit_module", unix.FinitModule(int(f.Fd()), "", 0))
}

func tell(process, kernel result, clients int) {
	fmt.Printf("\n| HTTPS in an emulated computer | in the process | by the kernel | ratio |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name    string
		without []float64
		with    []float64
	}{{"clipd, CPU seconds per GB", process.clipd, kernel.clipd}, {"nginx, CPU seconds per GB", process.nginx, kernel.nginx}} {
		fmt.Printf("| %s | %s | %s | %.2f |\n", row.name, spread(row.without), spread(row.with), median(row.with)/median(row.without))
	}
	for _, row := range []struct {
		name string
		r    result
	}{{"in the process", process}, {"by the kernel", kernel}} {
		fmt.Printf("\n%d clients, %s: peak %.1f MB over HTTP, %.1f MB over HTTPS, %.1f kB more each\n", clients, row.name,
			float64(row.r.plainPeak)/1e6, float64(row.r.tlsPeak)/1e6, float64(row.r.tlsPeak-row.r.plainPeak)/float64(clients)/1e3)
	}
	fmt.Printf("\nswitched to the kernel: %d and %d connections of clipd's, %d and %d of nginx's\n", process.clipdKTLS, kernel.clipdKTLS, process.nginxTLS, kernel.nginxTLS)
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

func spread(v []float64) string {
	return fmt.Sprintf("%.2f (%.2f-%.2f)", median(v), slices.Min(v), slices.Max(v))
}

// list is what is read of a listing.
type list struct {
	Clips []struct {
		URLPath string `json:"url_path"`
	} `json:"clips"`
}

// firstClip waits until clipd has a clip and returns its path.
func (s *server) firstClip(base string) (string, error) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		res, err := s.get(context.Background(), base+"/api/v1/clips")
		if err != nil {
			continue // it is starting
		}
		var l list
		err = json.NewDecoder(res.Body).Decode(&l)
		res.Body.Close()
		if err == nil && len(l.Clips) > 0 {
			return l.Clips[0].URLPath, nil
		}
	}
	return "", errors.New("clipd lists no clip")
}
