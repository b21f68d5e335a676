// Command fxapp is a libp2p node that takes part in a DKG ceremony, and a demo
// that runs a whole cluster of such nodes in one process.
//
// The node is node.go: that file is there to be copied. What the demo adds is in
// cluster.go and process.go (the nodes, and what happens to them), report.go, waiting.go,
// table.go, timeline.go and terminal.go (what is printed), and spans.go (what the
// nodes record for the timeline). operators.go reads a definition and its keys.
//
// Exit codes: 0 when every node has completed the ceremony, 1 when one has not,
// 2 for a command line or a file that cannot be used, 130 after SIGINT and 143
// after SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128 // plus the signal's number
)

func main() {
	os.Exit(run(untilSignal(context.Background()), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: it returns the exit code, and says why on stderr when that
// is not 0. A ctx that ends with an [interruption] is a signal.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:               "fxapp",
		Short:             "Nodes that run a DKG ceremony in lockstep",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(newDemoCommand(stdout, stderr))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "fxapp: %v\n", err)
	if i, ok := errors.AsType[interruption](err); ok {
		return exitSignal + int(i.signal)
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return exitFailed
	}
	return exitUsage // whatever went wrong before the first node was made
}

// failure is what went wrong once there were nodes.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// interruption is the cause of a context that a signal has ended.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string {
	name := map[syscall.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM"}[i.signal]
	return "interrupted by " + name
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends, with an
// [interruption] as its cause. A second one ends the process at once.
func untilSignal(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		sig := <-signals
		signal.Stop(signals)
		if s, ok := sig.(syscall.Signal); ok {
			cancel(interruption{s})
		}
	}()
	return ctx
}
