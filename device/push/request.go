package push

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"time"

	"clipd/store"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

// request is the PUT of the clip's file f to u, which the transport closes. It has a Content-Length, is never chunked
// and expects no 100 (RFC 9110 §10.1.1), which old servers ignore.
func (a *attempt) request(ctx context.Context, u *url.URL, f *os.File) (*http.Request, error) {
	user := u.User
	clean := *u
	clean.User = nil
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, clean.String(), f)
	if err != nil {
		return nil, &failure{final, "its address is no URL"}
	}
	r.URL = &clean
	r.ContentLength = a.clip.Size
	r.Header.Set("User-Agent", "clipd")
	if a.clip.MediaType != "" {
		r.Header.Set("Content-Type", a.clip.MediaType)
	}
	if a.dest == nil {
		return r, nil // a free URL is signed: a header that was not is refused
	}
	if user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	for name, values := range a.dest.Headers {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if a.dest.S3 != "" {
		return r, a.dest.sign(r, &a.clip, a.p.Clock.Now())
	}
	if a.clip.Hashed { // RFC 9530 §3.1
		r.Header.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(a.clip.SHA256[:])+":")
	}
	return r, nil
}

// sign signs r for S3 (AWS Signature Version 4) with the clip's SHA-256 as the hash of the payload; without one the
// payload is not signed, which only TLS makes good.
func (d *destination) sign(r *http.Request, c *store.Clip, now time.Time) error {
	payload := unsignedPayload
	switch {
	case c.Hashed:
		payload = hex.EncodeToString(c.SHA256[:])
		r.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(c.SHA256[:]))
	case r.URL.Scheme != "https":
		return &failure{final, "the clip has no SHA-256 (hash is off), and without one S3 takes it over https:// only"}
	}
	r.Header.Set("X-Amz-Content-Sha256", payload)
	credentials := aws.Credentials{AccessKeyID: d.AccessKey, SecretAccessKey: d.SecretKey}
	return v4.NewSigner().SignHTTP(r.Context(), credentials, r, payload, "s3", d.Region, now.UTC(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true // S3 signs the path as it travels
	})
}
