package device

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestPortThatWasAskedForAndIsTakenNamesItsOwner(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = listen("http.listen", first.Addr().String(), true)
	if err == nil {
		t.Fatal("the port was taken twice")
	}
	for _, want := range []string{"http.listen", first.Addr().String(), "pid " + strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestDefaultPortThatIsTakenGivesTheNextFreeOne(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := listen("http.listen", first.Addr().String(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	a, b := first.Addr().(*net.TCPAddr).Port, second.Addr().(*net.TCPAddr).Port
	if b <= a || b > a+portsTried {
		t.Errorf("port %d after %d", b, a)
	}
}

func TestBaseURL(t *testing.T) {
	lan := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 50000}
	for _, tt := range []struct {
		public        string
		listen, local *net.TCPAddr
		want          string
	}{
		{"https://box.example/clips/", &net.TCPAddr{Port: 8470}, lan, "https://box.example/clips"},
		{"", &net.TCPAddr{IP: net.IPv6unspecified, Port: 8470}, lan, "http://192.0.2.7:8470"},
		{"", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8471}, lan, "http://127.0.0.1:8471"},
		{"", &net.TCPAddr{IP: net.ParseIP("fd00::1"), Port: 80}, nil, "http://[fd00::1]:80"},
	} {
		if got := baseURL(tt.public, tt.listen, tt.local); got != tt.want {
			t.Errorf("baseURL(%q, %v, %v) = %q, want %q", tt.public, tt.listen, tt.local, got, tt.want)
		}
	}
}
