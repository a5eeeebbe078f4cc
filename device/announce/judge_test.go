package announce

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestCredentials(t *testing.T) {
	file := t.TempDir() + "/passwords"
	passwd(t, file, "box", "right")
	m := newMosquitto(t, "allow_anonymous false", "password_file "+file).start()
	s := catalogue(t)
	c := config(s, m.url())
	told := &problems{news: make(chan string, 10)}
	passwords := make(chan string, 1)
	passwords <- "wrong"
	c.Username, c.Problem = "box", told.tell
	c.Password = func() (string, error) { p := <-passwords; passwords <- p; return p, nil }
	a := hurry(New(c))
	start(t, a)
	if p := <-told.news; !strings.Contains(p, "user name or password") || !strings.Contains(p, "mqtt.password_file") {
		t.Errorf("told %q", p)
	}
	if connected, _, text := a.Status(); connected || text == "" {
		t.Errorf("status: connected %v, last error %q", connected, text)
	}
	<-passwords
	passwords <- "right"
	if p := <-told.news; p != "" {
		t.Errorf("told %q with the right password, want that it is over", p)
	}
}

func TestRepeatedTakeOverIsAProblem(t *testing.T) {
	m := newMosquitto(t).start()
	s := catalogue(t)
	c := config(s, m.url())
	told := &problems{news: make(chan string, 10)}
	c.Problem = told.tell
	a := hurry(New(c))
	ch := subscribe(t, m.url(), "clipd/+/availability")
	start(t, a)
	timeout := time.After(patience)
	for rivals := 0; ; {
		select {
		case g := <-ch:
			if g.payload == online {
				rival, _ := client(t, m.url(), "clipd-"+boxID)
				rival.Disconnect(0)
				rivals++
			}
		case problem := <-told.news:
			if !strings.Contains(problem, "another client") || !strings.Contains(problem, "clipd-"+boxID) || rivals < contestedAfter {
				t.Errorf("told %q after %d take-overs", problem, rivals)
			}
			return
		case <-timeout:
			t.Fatalf("no problem told after %d take-overs", rivals)
		}
	}
}

func TestBackoffGrowsAndIsReset(t *testing.T) {
	b := backoff{least: time.Second, most: time.Minute}
	for _, most := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if d := b.pause(); d < most*time.Second/2 || d > most*time.Second {
			t.Errorf("pause %v, want 50 to 100 %% of %v", d, most*time.Second)
		}
	}
	b.reset()
	if d := b.pause(); d > time.Second {
		t.Errorf("pause %v after reset", d)
	}
}

// passwd makes a password file for mosquitto.
func passwd(t *testing.T, file, user, password string) {
	t.Helper()
	if out, err := exec.Command(program(t, "mosquitto_passwd"), "-c", "-b", file, user, password).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
}
