package push

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const maxAnswer = 4 << 10 // bytes read of what a target says

// judge decides what an answer means: nil and nil is success, a URL is where to send the clip instead.
func (a *attempt) judge(r *http.Response) (*url.URL, error) {
	said, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	switch {
	case r.StatusCode == http.StatusTemporaryRedirect, r.StatusCode == http.StatusPermanentRedirect:
		return a.redirect(r)
	case r.StatusCode >= 300 && r.StatusCode < 400:
		return nil, fmt.Errorf("%s answered %s: put the final address into the target", origin(a.url), status(r))
	case r.StatusCode < 200 || r.StatusCode >= 300:
		return nil, a.refused(r, said)
	case err != nil:
		return nil, fmt.Errorf("%s broke off in the middle of its answer: %w", origin(a.url), err)
	}
	if err := a.compare(r); err != nil {
		return nil, err
	}
	return nil, a.unchanged()
}

// redirect follows 307 and 308 (RFC 9110 §15.4.8) within the origin only: the clip, and a signature, go nowhere else.
func (a *attempt) redirect(r *http.Response) (*url.URL, error) {
	to, err := r.Location()
	if err != nil {
		return nil, fmt.Errorf("%s answered %s without saying where to", origin(a.url), status(r))
	}
	if to.Scheme != a.url.Scheme || hostOf(to) != hostOf(a.url) || portOf(to) != portOf(a.url) {
		return nil, fmt.Errorf("%s answered %s to %s, and clips follow no redirect to elsewhere: put the final address into the target",
			origin(a.url), status(r), origin(to))
	}
	if a.dest == nil {
		if _, _, err := a.p.allowed(to.String()); err != nil {
			return nil, &failure{final, err.Error()}
		}
	}
	to.User = a.url.User
	return to, nil
}

// refused is what an answer other than 2xx and 3xx means.
func (a *attempt) refused(r *http.Response, said []byte) error {
	text := fmt.Sprintf("%s answered %s", origin(a.url), status(r))
	code := element(said, "Code")
	if code != "" {
		text += " (" + code + ")"
	}
	kind := counted
	switch {
	case code == "RequestTimeTooSkewed":
		kind = away
		text += ": this box's clock is wrong"
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusBadGateway,
		r.StatusCode == http.StatusServiceUnavailable, r.StatusCode == http.StatusGatewayTimeout:
		kind = away
	}
	return &failure{kind, text}
}

// status is the status line without what a target made up for it.
func status(r *http.Response) string {
	if text := http.StatusText(r.StatusCode); text != "" {
		return fmt.Sprintf("%d %s", r.StatusCode, text)
	}
	return fmt.Sprint(r.StatusCode)
}

// element returns what stands in the first element of that name in S3's XML, if it is a plain word.
func element(said []byte, name string) string {
	_, after, _ := bytes.Cut(said, []byte("<"+name+">"))
	word, _, found := bytes.Cut(after, []byte("</"+name+">"))
	if !found || len(word) > 64 || bytes.ContainsFunc(word, func(r rune) bool { return r < '0' || r > 'z' }) {
		return ""
	}
	return string(word)
}

// compare checks the digests in an answer: a target that has something else has not got the clip. Repr-Digest is about
// the clip only where the answer has no content of its own (RFC 9530 §3.1).
func (a *attempt) compare(r *http.Response) error {
	if !a.clip.Hashed {
		return nil
	}
	sha := base64.StdEncoding.EncodeToString(a.clip.SHA256[:])
	crc := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, a.clip.CRC32))
	given := map[string]string{r.Header.Get("X-Amz-Checksum-Sha256"): sha, r.Header.Get("X-Amz-Checksum-Crc32"): crc}
	if r.ContentLength == 0 || r.Header.Get("Content-Location") != "" {
		given[digest(r.Header.Values("Repr-Digest"))] = sha
	}
	delete(given, "")
	for has, want := range given {
		if has != want {
			return fmt.Errorf("%s has something else than was sent: its digest is %.80q, the clip's is %s", origin(a.url), has, want)
		}
	}
	return nil
}

// digest returns the SHA-256 in a Repr-Digest, in base64, "" where there is none.
func digest(fields []string) string {
	for member := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		value, ok := strings.CutPrefix(strings.TrimSpace(member), "sha-256=:")
		if value, ended := strings.CutSuffix(value, ":"); ok && ended {
			return value
		}
	}
	return ""
}
