// Command broken is a new version that does not work, in the way that the linker sets.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

var how = "exit"

func main() {
	fmt.Fprintln(os.Stderr, "broken:", how)
	switch how {
	case "exit":
		os.Exit(1)
	case "unhealthy": // systemd is told that it is ready, and then nothing comes
		conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
		if err != nil {
			os.Exit(1)
		}
		fmt.Fprint(conn, "READY=1\nSTATUS=unhealthy")
	}
	signal.Ignore(syscall.SIGTERM)
	select {}
}
