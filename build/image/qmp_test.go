package image

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"
)

// qmp is the line to a running qemu (qemu-qmp-ref(7)).
type qmp struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

type reply struct {
	Event  string          `json:"event"`
	Return json.RawMessage `json:"return"`
	Error  *struct{ Desc string }
}

func dialQMP(t *testing.T, path string) *qmp {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	q := &qmp{t, conn, bufio.NewReader(conn)}
	if _, err := q.read(); err != nil { // the greeting
		t.Fatal(err)
	}
	q.do("qmp_capabilities", nil)
	return q
}

func (q *qmp) read() (r reply, err error) {
	if err := q.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return r, err
	}
	line, err := q.in.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

// do carries out a command and waits until qemu says that it did.
func (q *qmp) do(command string, arguments map[string]any) {
	q.t.Helper()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		q.t.Fatal(err)
	}
	q.until(func(r reply) bool { return r.Error != nil || r.Return != nil })
}

// event waits for one by its name.
func (q *qmp) event(name string) {
	q.t.Helper()
	q.until(func(r reply) bool { return r.Event == name })
}

func (q *qmp) until(is func(reply) bool) {
	q.t.Helper()
	for {
		r, err := q.read()
		if err == nil && r.Error != nil {
			err = fmt.Errorf("%s", r.Error.Desc)
		}
		if err != nil {
			q.t.Fatalf("qmp: %v", err)
		}
		if is(r) {
			return
		}
	}
}
