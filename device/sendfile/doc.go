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
//		eng.ServeFile(w, r, "clip.mp4", f, nil) // like http.ServeContent; takes f over
//	})
//
// # A connection's life
//
// The engine accepts connections itself. One that has nothing to say is parked: a descriptor in the engine's epoll set and
// a struct, no goroutine. When the header of a request is there in full (it is looked at with MSG_PEEK, so a client
// that dribbles its request costs no more than a silent one), the connection is lent to net/http through Accept, if one of
// Config.Slots is free, else when one becomes free.
//
// From net/http it comes back in three ways. A response body worth it is handed over: the handler's connection is hijacked
// and becomes a transfer, a list of parts (bytes and ranges of files) that the engine's loops move whenever the socket
// takes more. A connection left idle by net/http for Config.Grace, or one idle at all while others wait for its slot, is
// parked again: its Read ends with a timeout and the Close that follows keeps the descriptor. Or it is closed.
// After a transfer it is parked too; bytes the client sent meanwhile are kept in order and come first.
//
// # Fairness
//
// A loop moves at most Config.Quantum for one transfer before it looks at the next. A part that is not in the page cache
// would make it wait for the disk, so such a part goes to one of Config.DiskWorkers, at most two of them on one file.
//
// # Slow is not stalled
//
// Without a limit a socket swallows megabytes at once and a healthy slow client then shows no progress for half a minute.
// The engine sets TCP_NOTSENT_LOWAT and takes acknowledged bytes (TCP_INFO) for progress. A transfer without any for
// Config.StallAfter is stalled: it makes room when Config.MaxTransfers is reached, and ends anyway after Config.DropAfter.
package sendfile
