package httpd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is the most a request body may have; ours are a few words.
const maxBody = 4 << 10

// reply answers with v as one line of JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	var line bytes.Buffer
	if err := encode(&line, v); err != nil {
		return err
	}
	startJSON(w, status)
	w.Write(line.Bytes())
	return nil
}

func startJSON(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// encode writes v and a newline; & stays & in the URLs.
func encode(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	return nil
}

// array streams the elements of one JSON array, so that a long answer takes no more memory than a short one.
type array struct {
	out  *bufio.Writer
	some bool
}

// startArray opens the object and the array named key in it.
func startArray(w http.ResponseWriter, key string) *array {
	startJSON(w, http.StatusOK)
	a := &array{out: bufio.NewWriterSize(w, 4<<10)}
	fmt.Fprintf(a.out, `{%q:[`, key)
	return a
}

// add writes one element. A client that is gone is noticed by whoever reads the next page: writes to it fail fast.
func (a *array) add(v any) error {
	if a.some {
		a.out.WriteByte(',')
	}
	a.some = true
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	_, err = a.out.Write(line)
	return err
}

// end closes the array and the object, with more members after it, in pairs of key and value.
func (a *array) end(more ...any) {
	a.out.WriteByte(']')
	for i := 0; i+1 < len(more); i += 2 {
		value, _ := json.Marshal(more[i+1]) // strings and numbers
		fmt.Fprintf(a.out, `,%q:%s`, more[i], value)
	}
	a.out.WriteString("}\n")
	a.out.Flush()
}

// cut ends an answer that cannot be finished: the client must see that it is not whole.
func (s *Server) cut(r *http.Request, err error) {
	if r.Context().Err() == nil {
		s.cfg.Log.Error("an answer was cut off", "path", r.URL.Path, "error", err)
	}
	panic(http.ErrAbortHandler)
}

// body decodes the JSON object a request carries into v; an empty body leaves v as it is.
func body(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && d.More() {
		err = errors.New("there is something behind the object")
	}
	if err != nil {
		return badRequest("The body is not the JSON object that is expected here", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
