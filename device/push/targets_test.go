package push

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clipd/store"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// startNginx runs nginx with WebDAV's PUT into a folder, and returns its address and the folder.
func startNginx(t *testing.T) (url, dir string) {
	t.Helper()
	nginx := needs(t, "nginx", "nginx-light")
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	conf := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log stderr error;
events {}
http { access_log off; client_body_temp_path %[1]s/tmp; proxy_temp_path %[1]s/t1; fastcgi_temp_path %[1]s/t2; uwsgi_temp_path %[1]s/t3; scgi_temp_path %[1]s/t4;
server { listen %[2]s; root %[1]s/data; client_max_body_size 0;
location / { dav_methods PUT; create_full_put_path on; dav_access user:rw group:r all:r; }
location /secret/ { dav_methods PUT; create_full_put_path on; auth_basic x; auth_basic_user_file %[1]s/users; } } }`, dir, address)
	path := filepath.Join(dir, "nginx.conf")
	if err := errors.Join(os.WriteFile(path, []byte(conf), 0o644), os.Mkdir(filepath.Join(dir, "data"), 0o777), os.Chmod(filepath.Join(dir, "data"), 0o777),
		os.WriteFile(filepath.Join(dir, "users"), []byte("box:{PLAIN}pa ss\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", path, "-p", dir)
	said := &bytes.Buffer{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	listening(t, address)
	return "http://" + address, filepath.Join(dir, "data")
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listening waits until a program of its own accepts connections: only trying tells.
func listening(t *testing.T, address string) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-again.C {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s", address)
}

func TestNginx(t *testing.T) {
	url, data := startNginx(t)
	b := newBox(t, func(c *Config) {
		c.Targets = map[string]Target{
			"nas":    {URL: url + "/in/{box_name}/{camera}/{date}/{name}"},
			"all":    {URL: url + "/all/{box}/{path}"},
			"secret": {URL: strings.Replace(url, "http://", "http://box:pa%20ss@", 1) + "/secret/{id}"},
			"closed": {URL: url + "/secret/{id}"},
		}
		c.MaxTries = 1
	})
	b.run(t)
	want := content(3 << 20)
	path := "front/07-55 ünï#?%41&.mp4"
	c := b.clip(t, path, want)
	for _, target := range []string{"nas", "all", "secret", "closed"} {
		b.ask(t, c, target)
	}
	b.counts(t, 0, 1)
	for _, at := range []string{"in/Front door/front/2026-11-22/" + filepath.Base(path), "all/0123456789ab/" + path, "secret/" + c.ID.String()} {
		if got, err := os.ReadFile(filepath.Join(data, at)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", at, len(got), err)
		}
	}
	if why := b.died(t); !strings.Contains(why, "401 Unauthorized") {
		t.Errorf("without a password: %s", why)
	}
	done := b.events(t, store.PushDone)
	if len(done) != 3 || done[0].Clip.ID != c.ID {
		t.Fatalf("%+v", done)
	}
}

// checkSignature computes AWS Signature Version 4 of r again, from its description and from what came over the wire.
func checkSignature(r *http.Request, secret string) error {
	scheme, fields, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	part := map[string]string{}
	for f := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(f), "=")
		part[name] = value
	}
	scope := strings.Split(part["Credential"], "/")
	if scheme != "AWS4-HMAC-SHA256" || len(scope) != 5 || scope[3] != "s3" {
		return fmt.Errorf("not signed: %q", r.Header.Get("Authorization"))
	}
	var headers strings.Builder
	signed := strings.Split(part["SignedHeaders"], ";")
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.TrimSpace(value))
	}
	for _, must := range []string{"host", "x-amz-date", "x-amz-content-sha256"} {
		if !slices.Contains(signed, must) {
			return fmt.Errorf("%s is not signed", must)
		}
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	canonical := strings.Join([]string{r.Method, path, query, headers.String(), part["SignedHeaders"], r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{scheme, r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, word := range append(scope[1:5:5], text) {
		h := hmac.New(sha256.New, key)
		io.WriteString(h, word)
		key = h.Sum(nil)
	}
	if hex.EncodeToString(key) != part["Signature"] {
		return fmt.Errorf("the signature is wrong for\n%s", canonical)
	}
	return nil
}

// startS3 runs an S3 server whose bucket "clips" takes only what is signed with the secret.
func startS3(t *testing.T, secret string) (url string, backend gofakes3.Backend) {
	t.Helper()
	backend = s3mem.New()
	if err := backend.CreateBucket("clips"); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkSignature(r, secret); err != nil {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code></Error>")
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, backend
}

func TestS3(t *testing.T) {
	url, backend := startS3(t, "secret/+key")
	s3 := Target{S3: url, Bucket: "clips", Region: "eu-1", AccessKey: "AK", SecretKey: "secret/+key", Key: "{box}/{camera}/{date}/{name}"}
	other := s3
	other.SecretKey = "another"
	b := newBox(t, func(c *Config) {
		c.Targets = map[string]Target{"archive": s3, "wrong": other}
		c.MaxTries = 1
	})
	b.run(t)
	want := content(1 << 20)
	name := "07-55 ünï+#?%41&=.mp4"
	c := b.clip(t, "front/"+name, want)
	b.ask(t, c, "archive")
	b.ask(t, c, "wrong")
	if why := b.died(t); !strings.Contains(why, "403 Forbidden (SignatureDoesNotMatch)") {
		t.Errorf("a wrong key: %s", why)
	}
	object, err := backend.GetObject("clips", "0123456789ab/front/2026-11-22/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer object.Contents.Close()
	if got, err := io.ReadAll(object.Contents); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := b.failureOfUnhashed(t, "archive"); !strings.Contains(err, "https://") {
		t.Fatalf("without a hash over plain HTTP: %s", err)
	}
}

// failureOfUnhashed pushes a clip without a hash, and returns why that cannot be.
func (b *box) failureOfUnhashed(t *testing.T, target string) string {
	t.Helper()
	c := b.record(t, "front/unhashed.mp4", content(10))
	c.Hashed = false
	b.apply(t, store.Add(c, store.Live))
	b.ask(t, c, target)
	b.counts(t, 0, 2)
	pushes, err := b.PushesOf(c.ID)
	if err != nil || len(pushes) != 1 {
		t.Fatalf("%+v %v", pushes, err)
	}
	return pushes[0].Error
}

func TestAddresses(t *testing.T) {
	c := store.Clip{Camera: "../a/b", Path: "x/../y\\z/n?m#.mp4", Start: epoch}
	v := (&Pusher{Config: Config{Box: "b", Name: "..", Location: time.FixedZone("", 9*3600)}}).values(&c)
	secret := Target{Bucket: "bu", AccessKey: "a", SecretKey: "b"}
	with := func(s3, key string) Target { s := secret; s.S3, s.Key = s3, key; return s }
	for _, test := range []struct {
		t    Target
		want string
	}{
		{Target{URL: "http://nas/in/{camera}/{name}"}, "http://nas/in/.._a_b/n%3Fm%23.mp4"},
		{Target{URL: "http://nas/in/{path}"}, "http://nas/in/x/__/y_z/n%3Fm%23.mp4"},
		{Target{URL: "http://nas/in/{box_name}/x"}, "http://nas/in/__/x"},
		{Target{URL: "http://nas/a%20b/{date}?k={name}&x=1"}, "http://nas/a%20b/2026-11-22?k=n%3Fm%23.mp4&x=1"},
		{Target{URL: "https://nas"}, "https://nas/"},
		{with("https://s3.example.org", "{camera}"), "https://s3.example.org/bu/.._a_b"},
		{with("https://{bucket}.s3.example.org/", "/{path}"), "https://bu.s3.example.org/x/__/y_z/n%3Fm%23.mp4"},
		{with("https://example.org/s3/", ""), "https://example.org/s3/bu/b/.._a_b/2026-11-22/n%3Fm%23.mp4"},
	} {
		d, err := newDestination(test.t)
		if err != nil {
			t.Errorf("%+v: %v", test.t, err)
			continue
		}
		if u, err := d.url(v); err != nil || u.String() != test.want {
			t.Errorf("%s%s: %v, want %s (%v)", test.t.URL, test.t.S3, u, test.want, err)
		}
	}
	for _, bad := range []Target{
		{}, {URL: "ftp://nas/x"}, {URL: "nas/x"}, {URL: "http://{box}/x"}, {URL: "http://nas/{nothing}"}, {URL: "http://nas/{name"}, {URL: "http://nas/x#y"},
		{URL: "http://nas/%zz"}, {S3: "https://s3"}, {S3: "https://s3", Bucket: "b", AccessKey: "a"}, with("https://s3", "{what}"),
	} {
		if err := bad.Check(); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// FuzzAddress checks that no name of a camera or file leads out of the place that the template gives it.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"..", "a/../../b", "?x=1", "#", "%2e%2e", "\\..\\", "\x00\xff", "a//b", "."} {
		f.Add(s, s)
	}
	d, err := newDestination(Target{URL: "http://nas/in/{camera}/{path}/end?q={name}"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, camera, path string) {
		v := (&Pusher{Config: Config{Location: time.UTC}}).values(&store.Clip{Camera: camera, Path: path})
		u, err := d.url(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := u.Parse(u.String())
		if err != nil || again.Host != "nas" || again.Fragment != "" || len(again.Query()) != 1 || hasDots(again.Path) ||
			!strings.HasPrefix(again.EscapedPath(), "/in/") || !strings.HasSuffix(again.EscapedPath(), "/end") ||
			strings.Count(again.EscapedPath(), "/") != 4+strings.Count(path, "/") {
			t.Fatalf("%q %q lead to %s (%v)", camera, path, u, err)
		}
	})
}
