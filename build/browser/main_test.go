package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what takes milliseconds on a machine with nothing else to do.
var patience = flag.Duration("patience", time.Minute, "how long to wait")

var (
	binary  string          // the real clipd, built once
	sample  string          // a recording that Chromium plays: 12 s, a key frame each second
	browser context.Context // of the one Chromium that all tabs are in
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := programs("chromium", "ffmpeg"); err != nil {
		if os.Getenv("CI") != "" {
			return 1, fmt.Errorf("%w; build/deps.sh test installs it", err)
		}
		fmt.Fprintln(os.Stderr, "skipped:", err)
		return 0, nil
	}
	dir, err := os.MkdirTemp("", "clipd-browser-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary, sample = filepath.Join(dir, "clipd"), filepath.Join(dir, "sample.mp4")
	if err := errors.Join(build(binary, "clipd"), recorded(sample)); err != nil {
		return 1, err
	}
	stop, err := chromium(filepath.Join(dir, "profile"))
	if err != nil {
		return 1, fmt.Errorf("start Chromium: %w", err)
	}
	defer stop()
	return m.Run(), nil
}

func programs(names ...string) error {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	return nil
}

// build makes a program of this module; flags are the linker's.
func build(to, program string, flags ...string) error {
	cmd := exec.Command("go", "build", "-o", to, "-ldflags", strings.Join(flags, " "), "./cmd/"+program)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return nil
}

func recorded(to string) error {
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=12",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-movflags", "+faststart", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ffmpeg: %w\n%s", err, out)
	}
	return nil
}

// stranger is a name that an attacker's DNS server leads to the box.
const stranger = "rebound.example"

// chromium starts the browser. It talks to nobody but loopback: every other name leads nowhere.
func chromium(profile string) (stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("host-resolver-rules", "MAP "+stranger+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-component-update", true),
	)
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	quiet := chromedp.WithErrorf(log.New(os.Stderr, "", 0).Printf)
	var cancel context.CancelFunc
	browser, cancel = chromedp.NewContext(allocator, quiet)
	return func() { cancel(); cancelAllocator() }, chromedp.Do(browser)
}
