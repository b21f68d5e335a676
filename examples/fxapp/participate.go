package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"go.uber.org/dig"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// leaveTimeout is how long a node may take to tell the others that it leaves, to store
// what it has, and to flush its telemetry.
const leaveTimeout = 10 * time.Second

func newNodeCommand() *cobra.Command {
	var place seatFlags
	var logs logFlags
	var dataDir string
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Take part in a ceremony: generate a key together with the other members",
		Long: `Take part in a ceremony: generate a key together with the other members. Every
member runs this command with the same definition. The node waits until all are
connected, and says whom it waits for and why. In the end every member has its share
of the key, and a receipt in which all attest the same group public key.

A node that is stopped before step 1 is waited for: start it again. After that, a
node that stops or restarts ends the attempt for everyone; with --attempts 2 or more,
all begin again.

Logs go to standard error, the result goes to standard output.

Exit codes: 0 complete; 1 failed; 2 the command line, a file or an address cannot be
used, and nothing was begun; 130 interrupted (Ctrl-C), 143 terminated.`,
		Example: `  fxapp node --listen /ip4/0.0.0.0/tcp/9001
  fxapp node --definition ceremony.json --key alice.key --data-dir alice \
    --listen /ip4/0.0.0.0/tcp/9001 --listen /ip4/0.0.0.0/udp/9001/quic-v1 --attempts 3
  fxapp node --relay https://relay.example --timeout 30m       # no open port
  fxapp node --definition cluster-definition.json --key charon-enr-private-key \
    --version v1.11 --relay https://relay.example              # a definition of Charon`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			s, err := place.seat()
			if err != nil {
				return err
			}
			unlock, err := lockDirectory(dataDir)
			if err != nil {
				return err
			}
			defer unlock()
			store, err := dkg.OpenStore(dataDir, s.definition)
			if err != nil {
				return err
			}
			r := &participation{seat: s, log: log, ended: make(chan *syncmod.Ceremony, 1), timeout: place.timeout}
			outcome, err := r.run(cmd.Context(), generateKey(store))
			return printOutcome(cmd.OutOrStdout(), logs.format, r, outcome, err)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	place.register(flags)
	flags.StringVar(&dataDir, "data-dir", "dkg-data", "the `directory` for the share and the receipt; it is made")
	logs.register(flags)
	return cmd
}

// participation is a node that takes part in its ceremony.
type participation struct {
	seat
	log     *logrus.Logger
	timeout time.Duration // 0: none

	ended   chan *syncmod.Ceremony // the last attempt, when it is over
	service *syncmod.Service
	last    *syncmod.Ceremony // the last attempt that was seen, for what is said in the end
}

// run runs the node until its ceremony is over, and returns what it has left on the
// disk. The error says why the ceremony is not complete.
func (r *participation) run(ctx context.Context, work fx.Option) (dkg.Outcome, error) {
	var generator *dkg.Generator
	more := fx.Options(
		fx.Supply(otelsdk.Identity{Service: serviceName, Instance: r.name()}),
		syncmod.OnEnd(func(c *syncmod.Ceremony) { r.ended <- c }),
		fx.Populate(&generator, &r.service),
		fx.StartTimeout(time.Minute), fx.StopTimeout(leaveTimeout),
	)
	if !r.log.IsLevelEnabled(logrus.DebugLevel) {
		more = fx.Options(more, fx.NopLogger) // what goes wrong with the start is in its error
	}
	app := newApp(r.host, r.definition, r.config, r.log, work, more)
	r.greet()
	starting, started := context.WithTimeout(context.WithoutCancel(ctx), app.StartTimeout()) // it must not be left half done
	defer started()
	if err := app.Start(starting); err != nil {
		return dkg.Outcome{}, startError(err)
	}
	failed := r.wait(ctx)
	stopping, stopped := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout())
	defer stopped()
	err := app.Stop(stopping)
	outcome := generator.Outcome()
	switch {
	case failed == nil && err != nil:
		return outcome, &failure{fmt.Errorf("stopping the node: %w", err)}
	case failed != nil && err != nil:
		r.log.WithError(err).Warn("the node did not stop properly")
	}
	return outcome, failed
}

// greet says who this node is, and where.
func (r *participation) greet() {
	self := r.definition.Peers[r.self]
	r.log.WithFields(logrus.Fields{"operator": r.self, "definition": fmt.Sprintf("%x", r.definition.Hash), "peer_id": self.ID.String()}).
		Infof("this node is operator %d (%s) of %d, %s; definition %x", r.self, r.name(), len(r.definition.Peers), self.ID, r.definition.Hash)
}

func (r *participation) name() string {
	self := r.definition.Peers[r.self]
	if self.Name != "" {
		return self.Name
	}
	id := self.ID.String()
	return "…" + id[len(id)-8:]
}

// wait waits for the end of the ceremony, of ctx or of the time that it may take.
func (r *participation) wait(ctx context.Context) error {
	var late <-chan time.Time
	if r.timeout > 0 {
		timer := time.NewTimer(r.timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case r.last = <-r.ended:
		if err := r.last.Err(); err != nil {
			return &failure{err}
		}
		return nil
	case <-late:
		return &failure{fmt.Errorf("gave up after %s: %w", r.timeout, r.missing())}
	case <-ctx.Done():
		r.log.Warnf("%v: this node leaves the ceremony", context.Cause(ctx))
		return context.Cause(ctx)
	}
}

// missing says whom the node is waiting for.
func (r *participation) missing() error {
	open := r.service.Ceremonies()
	if len(open) == 0 {
		return errors.New("no attempt is open")
	}
	c := open[len(open)-1]
	r.last = c
	now, cancel := context.WithCancel(context.Background())
	cancel()
	status := c.Status()
	var err error
	if status.Phase == syncmod.Connecting {
		err = c.AwaitConnected(now)
	} else {
		err = c.AwaitStep(now, status.Step)
	}
	if err == nil {
		return fmt.Errorf("this node is in step %d (%s), and waits for nobody", status.Step, status.StepName)
	}
	return err
}

// startError makes of why a node has not started one sentence, and finds the exit code.
func startError(err error) error {
	if e, ok := errors.AsType[*hosts.ListenError](err); ok {
		return e // as every address that cannot be used
	}
	return &failure{dig.RootCause(err)}
}

// printOutcome prints what the node has in the end.
func printOutcome(out io.Writer, format string, r *participation, o dkg.Outcome, failed error) error {
	_ = format
	_, _ = fmt.Fprintf(out, "%+v\n", o)
	return failed
}
