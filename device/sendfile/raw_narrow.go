//go:build 386 || arm

package sendfile

import "golang.org/x/sys/unix"

// sysSendfile takes offsets of 64 bits.
const sysSendfile = unix.SYS_SENDFILE64
