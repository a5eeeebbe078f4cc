// Command clipctl is the client people, scripts and NAS boxes use: it asks a box for its clips over HTTP. A command is a
// file of its own; box.go and stream.go speak HTTP, broker.go MQTT, download.go fetches one clip. A pull is a puller
// (puller.go) that is fed from a box's journal (source.go) or from messages (messages.go), brings each clip into a folder
// (task.go, folder.go, layout.go) and notes it there (ledger.go). It knows what travels (device/api), never how
// a box keeps it, and runs on Linux, macOS and Windows.
//
// Exit codes, for scripts and cron:
//
//	0  everything that was asked for was done
//	1  something failed; the message says what. status: the box states a problem
//	2  the command line is wrong
//	3  the box cannot be reached, or went away in the middle; trying again may help
//	4  the box refuses the token, or the token may not do this
//	5  there is no such clip or target, or the clip's file changed or went
//	6  pull: the disk is full, or the folder has reached --max-size
//	7  pull: another clipctl is pulling into the folder now
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	started := false // an error before a command runs is an error in the command line
	root := rootCommand(&started)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "clipctl:", err)
	if !started {
		fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", root.CommandPath())
		return exitUsage
	}
	return exitCode(err)
}

func rootCommand(started *bool) *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "clipctl",
		Short:         "List, fetch and watch the clips of a box",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			*started = true
		},
	}
	o.register(root.PersistentFlags())
	root.AddCommand(lsCommand(&o), showCommand(&o), getCommand(&o), pullCommand(&o), eventsCommand(&o), statusCommand(&o),
		linkCommand(&o), pinCommand(&o), unpinCommand(&o), rmCommand(&o), pushCommand(&o), adoptCommand(&o), doctorCommand(&o),
		updateCommand(&o), discoverCommand(&o), loginCommand(&o), forgetCommand(&o), manCommand())
	o.complete(root)
	return root
}
