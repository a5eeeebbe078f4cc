// Package ktls is TLS whose outgoing records the Linux kernel makes, with the handshake of an unmodified crypto/tls: what is
// written to a connection, and files that are sent to it with sendfile(2), is encrypted on its way through the socket and
// never copied to user space.
//
// It imports the standard library and golang.org/x/sys/unix, opens no file, knows no HTTP and logs nothing.
//
// # Use
//
//	ln, err := net.Listen("tcp", ":8443")
//	kernel, err := ktls.Probe() // err says why the kernel does nothing; all works without it
//	srv.Serve(ktls.NewListener(ln, ktls.Config{TLS: &tls.Config{Certificates: …}, Kernel: kernel}))
//
// net/http recognises TLS by *tls.Conn and leaves Request.TLS nil for a [Conn]; a server that needs it says so itself:
//
//	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
//		if k, ok := c.(*ktls.Conn); ok {
//			ctx = context.WithValue(ctx, key{}, k.ConnectionState())
//		}
//		return ctx
//	}
//
// # How it works
//
// crypto/tls shakes hands: TLS 1.3 without session tickets, so that it has nothing to say afterwards. The secret that the
// server's records are made with comes from tls.Config.KeyLogWriter; key and IV are derived from it (RFC 8446 §7.3) and
// given to the kernel with record number 0, Documentation/networking/tls.rst in the kernel's sources. From then on the
// connection is written to directly. What the client sends, which is little, is decrypted by this package with crypto/cipher:
// crypto/tls would hold eight kilobytes for each connection, most of it left from the handshake.
//
// A connection that cannot be switched stays crypto/tls's, a *tls.Conn comes out of Accept and everything works the same,
// only slower: clients of TLS 1.2, a suite the kernel does not know, a kernel without the module tls.
//
// The kernel cannot change the key of a connection before Linux 6.14. So a client's KeyUpdate, the only thing that TLS 1.3
// lets it say after this handshake, ends the connection, with a close_notify. So does anything that is against the protocol.
//
// # Traps
//
//   - A process may only use the module tls if it is loaded: setsockopt(2) loads it for nobody without CAP_NET_ADMIN or
//     CAP_SYS_MODULE, and not from within most sandboxes. A file in /etc/modules-load.d does it at start-up.
//   - Closing without close_notify looks like an attack to the client (RFC 8446 §6.1); crypto/tls could only write it with a
//     key and number of its own. It is sent by sendmsg(2) with the record's type beside it, see [CloseNotify].
//   - Secrets are wiped once the kernel has them, and are in no error. What crypto/tls made of them on its way here is left to
//     the garbage collector.
//   - Without tickets every connection begins with a full handshake. With P-256 and X25519 its two sides together cost 0.5 ms of
//     CPU on a server of today and 3.2 ms in Go's 32-bit code on the same (BenchmarkHandshake), from which 20 to 40 ms follow
//     for the server's side on a Raspberry Pi Zero; that is an estimate. Keep-alive is worth it.
//   - Which suite is used crypto/tls decides: AES-GCM where this processor and the client's have instructions for it,
//     ChaCha20-Poly1305 elsewhere, as on all Raspberry Pis before the fifth.
package ktls
