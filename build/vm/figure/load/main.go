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
	// By default TCP may take an eighth of so small a memory, and clients that do not read would wait for each other.
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_mem", []byte("200000 250000 300000"), 0o644); err != nil {
		return err
	}
	// The first half without the module: records are made by the servers.
	process, err := measure(*mb<<20, *rounds, min(*clients, copies), "")
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
	tell(process, kernel)
	return kernel.verify()
}

// copies is how many downloads over TLS clipd sends without the kernel's help.
const copies = 32

// result is what one half found: seconds of CPU per gigabyte in each round, and bytes of peak memory.
type result struct {
	clipd, nginx        []float64
	clients             int // at once, for the peaks
	plainPeak, tlsPeak  int64
	clipdKTLS, nginxTLS int // connections the kernel switched
	switched            int // of the clients
}

// verify says whether the kernel did what was measured.
func (r result) verify() error {
	if r.clipdKTLS != len(r.clipd) || r.switched != r.clients {
		return fmt.Errorf("the kernel made the records of %d downloads of %d, and of %d clients of %d", r.clipdKTLS, len(r.clipd), r.switched, r.clients)
	}
	return nil
}

// each is how many bytes HTTPS costs more than HTTP, for each client.
func (r result) each() float64 { return float64(r.tlsPeak-r.plainPeak) / float64(r.clients) }

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
			fmt.Printf("load: %s, %d MB over HTTPS: %.2f s of CPU a GB\n", s.server.name, size>>20, cost)
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
	r.clients = clients
	for _, way := range []struct {
		url  func() string
		peak *int64
	}{{func() string { return s.plain }, &r.plainPeak}, {func() string { return s.secure }, &r.tlsPeak}} {
		if err := s.restart(); err != nil {
			return err
		}
		before := switched()
		peak, err := s.hold(clients, way.url())
		if err != nil {
			return err
		}
		*way.peak, r.switched = peak, switched()-before
	}
	return nil
}

// hold returns the peak of memory while clients hold a download each. Afterwards some of them go on: they were not given up.
func (s *server) hold(clients int, url string) (int64, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	bodies := make([]io.Reader, clients)
	for i := range bodies {
		res, err := s.get(ctx, url)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		bodies[i] = res.Body
		if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
			return 0, err
		}
	}
	peak := s.peak()
	fmt.Printf("load: %d clients of %s: peak %.1f MB\n", clients, url, float64(peak)/1e6)
	for i := 0; i < clients; i += 25 {
		if n, err := io.CopyN(io.Discard, bodies[i], more); err != nil {
			return 0, fmt.Errorf("client %d of %d had %d bytes more: %w", i+1, clients, n, err)
		}
	}
	return peak, nil
}

// more is beyond what is on its way to a client that does not read.
const more = 2 << 20

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("finit_module", unix.FinitModule(int(f.Fd()), "", 0))
}

func tell(process, kernel result) {
	fmt.Printf("\n| HTTPS in an emulated computer | in the process | by the kernel | ratio |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name    string
		without []float64
		with    []float64
	}{{"clipd, CPU seconds per GB", process.clipd, kernel.clipd}, {"nginx, CPU seconds per GB", process.nginx, kernel.nginx}} {
		fmt.Printf("| %s | %s | %s | %.2f |\n", row.name, spread(row.without), spread(row.with), median(row.with)/median(row.without))
	}
	fmt.Printf("\n| memory, peak | HTTP | HTTPS | each client more | goal |\n|---|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		r    result
		goal string
	}{{"in the process", process, ""}, {"by the kernel", kernel, "at most 8 kB"}} {
		fmt.Printf("| %d clients, %s | %.1f MB | %.1f MB | %.1f kB | %s |\n", row.r.clients, row.name,
			float64(row.r.plainPeak)/1e6, float64(row.r.tlsPeak)/1e6, row.r.each()/1e3, row.goal)
	}
	fmt.Printf("\nswitched to the kernel: %d and %d downloads of clipd's, %d and %d of nginx's; %d of %d clients\n",
		process.clipdKTLS, kernel.clipdKTLS, process.nginxTLS, kernel.nginxTLS, kernel.switched, kernel.clients)
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
