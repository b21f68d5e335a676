package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// timeout bounds the whole run.
const timeout = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "procs:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, show io.Writer) (err error) {
	fxapp := flag.String("fxapp", ".bin/fxapp", "the binary to run, a `file`")
	late := flag.Duration("late", 0, "start the last node this much later, for example 3s")
	kill := flag.Int("kill", -1, "operator `index` of a node that is killed in the first step and started again")
	attempts := flag.Int("attempts", 1, "the nodes begin the ceremony at most this `number` of times; --kill needs 2")
	keep := flag.String("keep", "", "make the files in this new `directory`, and keep them")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("%q is not a flag, and procs takes only flags", flag.Arg(0))
	case *kill < -1 || *kill > 3:
		return fmt.Errorf("--kill %d: the operators are 0 to 3", *kill)
	case *kill >= 0 && *attempts < 2:
		return errors.New("--kill needs --attempts 2 or more: a restart ends an attempt for every node")
	}
	dir := *keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "procs-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, release, err := onLoopback(*fxapp, dir, *attempts, show)
	if err != nil {
		return err
	}
	defer release()
	defer c.stop()
	return c.play(ctx, story{late: *late, kill: *kill})
}
