package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// holding keeps the catalogue open until its standard input ends.
func holding(args []string) error {
	s, _, err := Open(context.Background(), Options{Dir: args[0], maxSize: 64 << 20})
	if err != nil {
		return err
	}
	fmt.Println("open")
	if _, err := os.Stdin.Read(make([]byte, 1)); err == nil {
		return errors.New("nobody was to write")
	}
	return s.Close()
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "hold", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, _, err = Open(t.Context(), Options{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatal(err)
	}
	if err := VerifyInChild(t.Context(), catalogue(dir)); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, opened := open(t, dir); opened.Unclean || opened.Created {
		t.Fatalf("%+v", opened)
	}
}

// addingTokens adds tokens and prints their secrets.
func addingTokens(args []string) error {
	tokens, err := OpenTokens(args[0], time.Now)
	if err != nil {
		return err
	}
	for n := range 20 {
		secret, err := tokens.Add(fmt.Sprintf("%s-%d", args[1], n), Operator)
		if err != nil {
			return err
		}
		fmt.Println(secret)
	}
	return nil
}

// TestTokensOfTwoProcesses: both change the file at once, neither loses the other's change, and each sees it at once.
func TestTokensOfTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	tokens, err := OpenTokens(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "tokens", dir, "theirs")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		if _, err := tokens.Add(fmt.Sprintf("ours-%d", n), Viewer); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for secret := range strings.FieldsSeq(out.String()) {
		if token, ok := tokens.Check(secret); !ok || token.Role != Operator {
			t.Fatalf("%+v %v", token, ok)
		}
	}
	if n := len(tokens.List()); n != 41 {
		t.Fatalf("%d tokens, not 41", n)
	}
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	now := epoch
	tokens, err := OpenTokens(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(filepath.Join(dir, adminTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	if token, ok := tokens.Check(strings.TrimSpace(string(admin))); !ok || token.Role != Admin {
		t.Fatalf("%+v %v", token, ok)
	}
	for _, name := range []string{adminTokenFile, tokensFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info.Mode(), err)
		}
	}
	secret, err := tokens.Add("phone", Viewer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Add("phone", Admin); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, tokensFile)); err != nil || strings.Contains(string(data), secret) {
		t.Fatal("the secret is on disk", err)
	}
	code, err := tokens.SignIn("phone", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	late, err := tokens.SignIn("phone", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenTokens(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if token, ok := again.Redeem(code); !ok || token.Name != "phone" {
		t.Fatalf("%+v %v", token, ok)
	}
	if _, ok := tokens.Redeem(code); ok {
		t.Fatal("a code worked twice")
	}
	now = now.Add(time.Minute)
	if _, ok := tokens.Redeem(late); ok {
		t.Fatal("an expired code worked")
	}
	if err := again.Revoke("phone"); err != nil {
		t.Fatal(err)
	}
	if _, ok := tokens.Check(secret); ok {
		t.Fatal("a revoked token works")
	}
	if err := tokens.Revoke("phone"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, ok := tokens.Check(""); ok {
		t.Fatal("nothing is a token")
	}
}

func TestTokensDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, tokensFile)
	if err := os.WriteFile(path, []byte("{\"tokens\": ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokens(dir, time.Now); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || len(data) != 12 {
		t.Fatal("the damaged file was replaced", err)
	}
}

func TestBoxID(t *testing.T) {
	dir := t.TempDir()
	first, cloned, err := BoxID(dir, "")
	if err != nil || cloned || len(first) != 12 {
		t.Fatal(first, cloned, err)
	}
	for _, step := range []struct {
		serial       string
		same, cloned bool
	}{{"", true, false}, {"1000abc", true, false}, {"", true, false}, {"1000abc", true, false}, {"2000def", false, true}} {
		id, cloned, err := BoxID(dir, step.serial)
		if err != nil || (id == first) != step.same || cloned != step.cloned {
			t.Fatalf("%+v: %s %v %v", step, id, cloned, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, boxIDFile), []byte("../../x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, cloned, err := BoxID(dir, "2000def"); err != nil || !cloned || !isBoxID(id) {
		t.Fatal(id, cloned, err)
	}
}

func TestLinkKey(t *testing.T) {
	dir := t.TempDir()
	key, err := LinkKey(dir)
	if err != nil || len(key) != keySize {
		t.Fatal(key, err)
	}
	if again, err := LinkKey(dir); err != nil || !bytes.Equal(again, key) {
		t.Fatal(again, err)
	}
	rotated, err := RotateLinkKey(dir)
	if err != nil || bytes.Equal(rotated, key) {
		t.Fatal(err)
	}
	if again, err := LinkKey(dir); err != nil || !bytes.Equal(again, rotated) {
		t.Fatal(again, err)
	}
}

// TestPins: what people decided survives the loss of either file; what cannot be read is told and left alone.
func TestPins(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	c := clip("front", 1)
	apply(t, s, Add(c, Live), Pin(c.ID, true))
	s.Close()
	path := filepath.Join(dir, pinsFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, dir)
	if p := readPins(dir); len(p.kept) != 1 || s.PinsErr() != nil {
		t.Fatal("the pins were not taken from the catalogue", s.PinsErr())
	}
	s.Close()
	if err := os.WriteFile(path, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, dir)
	if err := s.PinsErr(); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), Pin(c.ID, false)); err == nil {
		t.Fatal("unpinned without the file")
	}
	if got, _, err := s.Clip(c.ID); err != nil || !got.Pinned {
		t.Fatal(got.Pinned, err)
	}
	if data, err := os.ReadFile(path); err != nil || len(data) != 17 {
		t.Fatal("the damaged pins were replaced", err)
	}
}

// TestPinsDecide: after a crash between the file and the row, the file counts.
func TestPinsDecide(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	a, b := clip("front", 1), clip("front", 2)
	apply(t, s, Add(a, Live), Add(b, Live), Pin(a.ID, true))
	abort(s)
	if err := writePins(dir, []ID{b.ID}); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, dir)
	page, err := s.List(Query{Pinned: ptr(true)})
	if err != nil || len(page.Clips) != 1 || page.Clips[0].ID != b.ID {
		t.Fatalf("%+v %v", page.Clips, err)
	}
	sound(t, s)
}
