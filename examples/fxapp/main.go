// Command fxapp is a libp2p node that takes part in a DKG ceremony. Its other commands do
// everything else that an operator needs: they make a key and a definition, run a relay,
// and check the receipt.
//
// node.go is the node, and is there to be copied. Package dkg does the node's work in
// the ceremony, and package hosts makes its libp2p host. Every command has a file of
// its own. environment.go reads the commands' flags from the environment. Package view
// shows a node's ceremony in its terminal, and package display prints the output of the
// demo.
//
// Exit codes: 0 if the ceremony is complete, everyone is ready, or the receipt is good;
// 1 if it failed; 2 if the command line, a file or an address cannot be used, and
// nothing was begun; 130 after SIGINT and 143 after SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128 // plus the signal's number
)

func main() {
	cobra.EnableCommandSorting = false // help lists commands in the order of commands()
	signal.Ignore(syscall.SIGPIPE)     // lets a node leave properly even when its output goes to a closed pipe
	os.Exit(run(untilSignal(context.Background()), os.Args[1:], os.Stdout, os.Stderr))
}

// commands returns the program's commands, in the order in which a ceremony needs them.
// A command prints to its OutOrStdout, logs to its ErrOrStderr and ends when its
// Context does. Its error decides the exit code: an [interruption] gives that of the
// signal, a [*failure] gives 1, any other error gives 2.
func commands() []*cobra.Command {
	return []*cobra.Command{
		newKeygenCommand(),
		newDefineCommand(),
		newNodeCommand(),
		newRelayCommand(),
		newVerifyCommand(),
		newDemoCommand(),
		newVersionCommand(),
	}
}

// run runs the program and returns the exit code. If the code is not 0, it prints why
// to stderr. A ctx that ends with an [interruption] stands for a signal.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "fxapp: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if i, ok := errors.AsType[interruption](err); ok {
		return exitSignal + int(i.signal)
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return exitFailed
	}
	return exitUsage
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "fxapp",
		Short: "Nodes that run a DKG ceremony in lockstep",
		Long: `Nodes that run a DKG ceremony in lockstep.

Each operator makes a key (keygen) and gives the others its ENR or peer ID. One of
them writes the definition (define), and all operators use the same copy. They all run
a node until the ceremony is complete, and keep the share and the receipt (verify).

Exit codes: 0 the ceremony is complete, the rehearsal found everyone ready, or the
receipt is good; 1 it failed, somebody is not ready, or the receipt is not good; 2 the
command line, a file or an address cannot be used, and nothing was begun; 130
interrupted (Ctrl-C), 143 terminated. A second Ctrl-C ends the program at once.

Every flag can also be set with an environment variable; its help names the variable.
The command line takes precedence. An empty variable counts as unset. If a variable
holds a list, commas or spaces separate its entries.`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		SuggestionsMinimumDistance: 2,
		Args:                       knownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE:          func(cmd *cobra.Command, _ []string) error { return setFromEnvironment(cmd) },
	}
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(commands()...)
	for _, cmd := range root.Commands() {
		nameVariables(cmd)
	}
	return root
}

// knownCommand refuses unknown commands.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if similar := root.SuggestionsFor(args[0]); len(similar) > 0 {
		return fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(similar, " or "))
	}
	return fmt.Errorf("unknown command %s: fxapp --help lists the commands", shown(args[0]))
}

// noArguments refuses arguments. It is for commands that take only flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s is not a flag, and fxapp %s takes nothing else: fxapp %[2]s --help lists its flags",
		shown(args[0]), cmd.Name())
}

// failure is an error with exit code 1: the command's work or its check has failed.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// interruption is the cause of a context that ended because of a signal.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string {
	name := map[syscall.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM"}[i.signal]
	return "interrupted by " + name
}

// signalsOf is the context key of the channel of signals.
type signalsOf struct{}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. Its cause
// is an [interruption]. A second signal ends the process at once.
func untilSignal(parent context.Context) context.Context {
	signals := make(chan os.Signal, 1)
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, signalsOf{}, signals))
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

// interrupt does what SIGINT does. While a view controls the terminal, Ctrl-C sends no signal.
func interrupt(ctx context.Context) {
	if signals, ok := ctx.Value(signalsOf{}).(chan os.Signal); ok {
		select {
		case signals <- syscall.SIGINT:
		default: // a signal is already pending
		}
	}
}
