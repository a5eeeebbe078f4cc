package sendfile

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// appendHeader appends the header of a response as net/http writes it: the status line, the fields sorted, then Date and
// what says that the connection ends, RFC 9112 §4 and §9.6. A Content-Length must be among the fields.
func appendHeader(b []byte, code int, fields http.Header, last bool) []byte {
	buf := bytes.NewBuffer(b)
	buf.WriteString("HTTP/1.1 ")
	buf.Write(strconv.AppendInt(buf.AvailableBuffer(), int64(code), 10))
	buf.WriteByte(' ')
	buf.WriteString(http.StatusText(code))
	buf.WriteString("\r\n")
	_ = fields.Write(buf) // a Buffer takes everything
	if _, ok := fields["Date"]; !ok {
		buf.WriteString("Date: ")
		buf.Write(time.Now().UTC().AppendFormat(buf.AvailableBuffer(), http.TimeFormat))
		buf.WriteString("\r\n")
	}
	if last && fields.Get("Connection") == "" {
		buf.WriteString("Connection: close\r\n")
	}
	buf.WriteString("\r\n")
	return buf.Bytes()
}
