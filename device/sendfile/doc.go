// Package sendfile moves file bytes to sockets for an unmodified net/http server, flat in memory: a thousand slow
// downloads cost about a kilobyte each, no goroutine, no buffer and no thread. Linux only.
//
// It imports the standard library and golang.org/x/sys/unix, opens no file by name, decides nothing about HTTP and logs
// nothing. What a response says (status, ranges, conditionals, header) stays with http.ServeContent.
//
// # Use
//
//	eng, err := sendfile.New(sendfile.Config{})
//	go eng.Run(ctx)
//	ln, err := net.Listen("tcp", ":8080")
//	conns, err := eng.Listener(ln)
//	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
//	eng.Attach(srv)
//	go srv.Serve(conns)
//
//	mux.HandleFunc("GET /clip", func(w http.ResponseWriter, r *http.Request) {
//		f, err := os.Open("clip.mp4") // and look at err
//		w.Header().Set("ETag", `"…"`)
//		eng.ServeFile(w, r, "clip.mp4", modtime, f, nil) // like http.ServeContent; takes f over
//	})
//
// To stop, with one ctx for all: http.Server knows nothing of the connections that the engine has.
//
//	srv.Shutdown(ctx) // no new requests; waits for handlers
//	eng.Drain(ctx)    // waits for transfers, cuts off what is left when ctx is done
//	stop()            // of Run's context: its return means that every descriptor is closed
//
// # A connection's life
//
// The engine accepts connections itself. One that has nothing to say is parked: a descriptor in the engine's epoll set and
// a struct, no goroutine. When the header of a request is there in full (it is looked at with MSG_PEEK, so a client
// that dribbles its request costs no more than a silent one), the connection is lent to net/http through Accept, if one of
// Config.Slots is free, else when one becomes free. Of many requests at once only Config.Starting are begun with: a thousand
// handlers that start together took 4 MB more.
//
// From net/http it comes back in four ways. A body longer than Config.HandOver is handed over: the handler's connection is
// hijacked and becomes a transfer, a list of parts (bytes and ranges of files) that the engine's loops move whenever the
// socket takes more. A shorter body that the socket does not take at once stays pending: net/http is told that it is sent,
// finishes the request, and when it then waits for the next one its Read ends with a timeout; the Close that follows makes a
// transfer of the rest. Thus no client that does not read holds a slot. In the same way a connection is parked that
// net/http has left idle for Config.Grace, or at all while others wait for its slot or net/http has dozens. Or it is closed.
// After a transfer it is parked too; bytes the client sent meanwhile are kept in order and come first.
//
// A handler that lasts (a stream of events, a slow upload) holds a slot as long: let there be fewer of them than Config.Slots.
//
// # TLS
//
// [Engine.TLSListener] is the listener to shake hands on. Over crypto/tls (tls.NewListener around it) all works, but Go encrypts:
// handlers send the bodies themselves, at most Config.Copies at once, each of which costs about 60 kB while it lasts.
//
// Where the kernel encrypts what is written to the socket (TCP_ULP "tls", package ktls beside this one), the engine moves files
// as it does without TLS. What takes the connection over after the handshake embeds the [*Conn] it was given, so that the
// engine finds it, and decrypts in its Read; it calls [Conn.ReadLead] first (those bytes are decrypted) and [Conn.SetParkable]
// before it waits for the socket. It tells the engine with [Conn.SetResume] how to wrap the connection when it is lent again,
// and with [Conn.SetFarewell] how to say goodbye. Package httpd does all that in 30 lines, https.go.
//
// # Fairness
//
// A loop moves at most Config.Quantum for one transfer before it looks at the next. A part that is not in the page cache
// would make it wait for the disk, so such a part goes to one of Config.DiskWorkers, at most two of them on one file; whether
// it is there is asked with cachestat(2) for up to 2 MiB at once, else with RWF_NOWAIT, every 128 KiB. Where a file system
// cannot tell (vfat, FUSE), all goes that way.
//
// What a transfer of a large file brings into the page cache is dropped some way behind it, so that one download does not
// evict what a recorder or a database goes on using. What was in the cache before, or another transfer wants, stays.
//
// # Slow is not stalled
//
// Without a limit a socket swallows megabytes at once and a healthy slow client then shows no progress for half a minute.
// The engine sets TCP_NOTSENT_LOWAT, to 2 MiB for a client that has shown to be fast, and takes acknowledged bytes (TCP_INFO)
// for progress. A transfer without any for Config.StallAfter is stalled: it makes room when Config.MaxTransfers is reached,
// and ends anyway after Config.DropAfter.
//
// # What it costs
//
// Measured beside nginx and a plain handler with http.ServeContent, all of them at 100 MB/s over 30 connections: 115 ms of CPU
// a gigabyte, nginx 69, http.ServeContent 95. Two thirds of it are sendfile(2), about what nginx uses in all; the system calls
// are as many as nginx makes. The rest is Go's scheduler: a wakeup passes the runtime's poller, which starts another thread to
// look for work, some 40 µs in all, where nginx sits in epoll_wait(2) itself. To sit there too is dearer in Go, as the runtime's
// monitor has to take the processor from a thread that does. One loop suffices: a second one moved less, for more wakeups.
package sendfile
