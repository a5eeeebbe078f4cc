package main

import (
	"strings"
	"testing"
	"time"

	"clipd/store"
)

// logged is what clipd.log says after one more run of log.
func (d *board) logged() string {
	d.t.Helper()
	if err := d.log(); err != nil {
		d.t.Fatal(err)
	}
	return d.text(firmwareDir + "/" + logFile)
}

// link is the code of the sign-in link in a log, "" if there is none.
func link(log string) string {
	_, rest, _ := strings.Cut(log, "/login?token=")
	code, _, _ := strings.Cut(rest, "\r\n")
	return code
}

func TestTheSignInLinkIsGoneOnceUsed(t *testing.T) {
	d := newBoard(t)
	first := d.logged()
	code := link(first)
	if code == "" || !strings.Contains(d.said.String(), code) || !strings.Contains(d.said.String(), "█") {
		t.Fatalf("log:\n%s\nconsole:\n%s", first, d.said.String())
	}
	if again := d.logged(); again != first {
		t.Errorf("nothing happened, and the log became\n%s", again)
	}
	if _, ok := d.tokens().Redeem(code); !ok {
		t.Fatal("the link signs nobody in")
	}
	if used := d.logged(); strings.Contains(used, "login") || strings.Contains(used, code) {
		t.Errorf("the link was used, and the log says\n%s", used)
	}
	if used := d.logged(); link(used) != "" {
		t.Errorf("a second look made another link:\n%s", used)
	}
}

// The clock of a board without a battery jumps when it is set: a link that ended by it is made again.
func TestALinkThatEndedIsMadeAgain(t *testing.T) {
	d := newBoard(t)
	first := link(d.logged())
	d.time = d.time.Add(signInFor + time.Hour)
	second := link(d.logged())
	if second == "" || second == first {
		t.Fatalf("before the clock jumped the link was %q, after it %q", first, second)
	}
	if _, ok := d.tokens().Redeem(second); !ok {
		t.Error("the new link signs nobody in")
	}
}

func TestNoLinkBesideAChosenToken(t *testing.T) {
	d := newBoard(t)
	d.write(firmwareDir+"/clipd.toml", "[first_boot]\ntoken = \"correct horse battery\"\nmqtt_password = \"mosquito-net\"\n")
	d.mustTake()
	if log := d.logged(); link(log) != "" || strings.Contains(log, "horse") || strings.Contains(log, "mosquito-net") {
		t.Errorf("the log says\n%s", log)
	}
	if err := d.tokens().Revoke(store.FirstAdmin); err != nil {
		t.Error(err)
	}
	if log := d.logged(); link(log) != "" {
		t.Errorf("without the first token, the log says\n%s", log)
	}
}
