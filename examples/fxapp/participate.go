package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"go.uber.org/dig"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// leaveTimeout is how long a node may take to tell the others that it leaves, to store
// its files, and to flush its telemetry.
const leaveTimeout = 10 * time.Second

func newNodeCommand() *cobra.Command {
	var place seatFlags
	var logs logFlags
	var look rehearsalFlags
	var dataDir, page string
	var plain bool
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Take part in a ceremony: generate a key together with the other members",
		Long: `Take part in a ceremony: generate a key together with the other members. Every
member runs this command with the same definition. The node waits until all are
connected, and says whom it is waiting for and why. In the end every member has its
share of the group key, and a receipt in which all members attest that group key.

If a node stops before step 1, the others wait for it: start it again. If a node stops
or restarts after that, the attempt ends for everyone. With --attempts 2 or more, all
nodes then begin again.

In a terminal the node shows a live view: whom it is waiting for and why, the members,
who reaches whom, and the log. Press ? for its keys. When the view ends, the log stays
in the terminal. With --plain, with --log-format json, or if standard input or standard
error is not a terminal, the node prints its log line by line.

With --rehearse the node only checks who is there. This also works in a cluster of
Charon. For each member it shows the path to it, its version, whether its signature
fits the definition, its clock, its round trip, its step, and what is wrong. A rehearsal
takes no part and changes nothing: no member counts it as connected or goes on to
step 1, whatever version or definition this node has. It ends when it has seen everyone,
or after --timeout (30 s), with exit code 0 if the ceremony could begin. With --watch it
stays and shows what changes: in the live view, or as a new table after each change.
Stop the rehearsal before you start the real node with the same key. Otherwise the other
members keep their streams to the rehearsal, and the ceremony does not begin. Do not
rehearse while the real node is running.

Logs go to standard error, the result goes to standard output.

Exit codes: 0 the ceremony is complete, or the rehearsal found everyone ready; 1 it
failed, or somebody is not ready; 2 the command line, a file or an address cannot be
used, and nothing was begun; 130 interrupted (Ctrl-C), 143 terminated.`,
		Example: `  fxapp node --listen /ip4/0.0.0.0/tcp/9001
  fxapp node --definition ceremony.json --key alice.key --data-dir alice \
    --listen /ip4/0.0.0.0/tcp/9001 --listen /ip4/0.0.0.0/udp/9001/quic-v1 --attempts 3
  fxapp node --relay https://relay.example --timeout 30m       # no open port
  fxapp node --definition cluster-definition.json --key charon-enr-private-key \
    --version v1.11 --relay https://relay.example --rehearse   # a definition of Charon`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := look.check(); err != nil {
				return err
			}
			log, err := logs.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := fx.ValidateApp(fx.NopLogger, statuspage.Serve(page)); page != "" && err != nil {
				return fmt.Errorf("--http %w", err)
			}
			s, err := place.seat()
			if err != nil {
				return err
			}
			p := &participation{seat: s, log: log, timeout: place.timeout, page: page}
			if !plain && logs.format == textFormat && look.fits(cmd) {
				p.terminal = terminalOf(cmd.InOrStdin(), cmd.ErrOrStderr())
			}
			if look.rehearse {
				r := &rehearsal{participation: p, out: cmd.OutOrStdout(), format: logs.format, watch: look.watch}
				return r.run(cmd.Context())
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
			for _, share := range store.Left() {
				log.Warnf("%s is an unconfirmed share from an earlier attempt, and this node did not see "+
					"how that attempt ended. If another member has a receipt, do not begin again. "+
					"Confirm the share with that receipt: fxapp verify THEIR-RECEIPT --data-dir %s",
					filepath.Join(dataDir, share), dataDir)
			}
			outcome, failed := p.run(cmd.Context(), generateKey(store))
			if err := p.result(outcome, failed).print(cmd.OutOrStdout(), logs.format); err != nil && failed == nil {
				failed = &failure{fmt.Errorf("the ceremony is complete, but its result could not be printed: %w", err)}
			}
			return failed
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	place.register(flags)
	flags.StringVar(&dataDir, "data-dir", "dkg-data", "the `directory` for the share and the receipt; it is created "+
		"if it does not exist")
	flags.StringVar(&page, "http", "",
		"serve a page that shows the ceremony live at this `address`, for example 127.0.0.1:8080")
	flags.BoolVar(&plain, "plain", false, "print log lines instead of the live view, even in a terminal")
	look.register(flags)
	logs.register(flags)
	return cmd
}

// participation is a node that takes part in its ceremony.
type participation struct {
	seat
	log     *logrus.Logger
	timeout time.Duration // 0: no timeout
	page    string        // where to serve the status page; empty: nowhere
	terminal

	service *syncmod.Service
	last    *syncmod.Ceremony // the latest attempt
}

// run runs the node until its ceremony is over, and returns what the ceremony left on
// the disk. The error says why this node has no share that counts.
func (p *participation) run(ctx context.Context, work fx.Option) (dkg.Outcome, error) {
	var generator *dkg.Generator
	ended := make(chan *syncmod.Ceremony, 1)
	app := newApp(p.host, p.definition, p.config, p.log, work,
		fx.Supply(identity(p.definition.Peers[p.self].Name, p.self)),
		syncmod.OnEnd(func(c *syncmod.Ceremony) { ended <- c }),
		fx.Populate(&generator, &p.service),
		fx.StartTimeout(time.Minute), fx.StopTimeout(leaveTimeout), p.fxLog(), p.statusPage(),
	)
	p.greet()
	if p.ofCharon {
		p.log.Warn("the definition comes from Charon: all members must run this program, " +
			"because Charon generates keys with another protocol")
	}
	whole := context.WithoutCancel(ctx) // a signal interrupts neither the start nor the stop
	starting, started := context.WithTimeout(whole, app.StartTimeout())
	defer started()
	if err := app.Start(starting); err != nil {
		return dkg.Outcome{}, startError(err)
	}
	hide := p.show(ctx)
	defer hide()
	failed := p.wait(ctx, ended)
	hide() // the stop takes a moment: Ctrl-C is a signal again
	stopping, stopped := context.WithTimeout(whole, app.StopTimeout())
	defer stopped()
	err := app.Stop(stopping)
	outcome := generator.Outcome()
	switch {
	case outcome.Share != nil: // the share counts, whatever failed later
		failed = nil
	case failed == nil:
		failed = &failure{fmt.Errorf("the ceremony is complete, but this node could not keep its share: %w",
			cmp.Or(outcome.Err, err))}
	}
	if err != nil {
		p.log.WithError(err).Warn("the node did not stop properly")
	}
	if advice := outcome.Advice(); advice != "" && failed != nil {
		failed = fmt.Errorf("%w; %s", failed, advice)
	}
	return outcome, failed
}

// fxLog logs fx's events at the debug level. If the start fails, its error says why.
func (p *participation) fxLog() fx.Option {
	if p.log.IsLevelEnabled(logrus.DebugLevel) {
		return fx.Options()
	}
	return fx.NopLogger
}

// statusPage serves the page that shows the ceremony live, if the operator asked for it.
func (p *participation) statusPage() fx.Option {
	if p.page == "" {
		return fx.Options()
	}
	return fx.Options(statuspage.Serve(p.page), fx.Invoke(func(lc fx.Lifecycle, s *statuspage.Server) {
		lc.Append(fx.StartHook(func() { p.log.Infof("the status page is at %s", s.URL()) }))
	}))
}

// greet logs who this node is, which members it waits for, and where it listens.
func (p *participation) greet() {
	self := p.definition.Peers[p.self]
	p.log.WithFields(logrus.Fields{"operator": p.self, "peer_id": self.ID.String()}).Infof(
		"this node is %s of %d, %s", operatorText(p.definition, p.self), len(p.definition.Peers), self.ID)
	p.log.Infof("the definition's hash is %x", p.definition.Hash)
	var others []int
	for i := range p.definition.Peers {
		if i != p.self {
			others = append(others, i)
		}
	}
	p.log.Infof("step 1 begins once all members are connected: %s", listMembers(p.definition, others))
	switch where := addrText(self.Addrs); {
	case len(p.host.Listen)+len(p.host.Relays) == 0:
		p.log.Warn("this node does not listen and has no relay, so it must reach every member itself")
	case where != "":
		p.log.Infof("the others look for this node at %s", where)
	}
	if !listensAsDefined(p.host.Listen, self.Addrs) {
		p.log.Infof("this node listens at %s, but the others look for it at %s: "+
			"this is right if a router forwards the port; "+
			"otherwise --listen must name that address", strings.Join(p.host.Listen, ", "), addrText(self.Addrs))
	}
}

// wait waits until the ceremony ends, ctx ends or the timeout expires. Its error says
// what happened and what to do.
func (p *participation) wait(ctx context.Context, ended <-chan *syncmod.Ceremony) error {
	var late <-chan time.Time
	if p.timeout > 0 {
		timer := time.NewTimer(p.timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case p.last = <-ended:
		switch err := p.last.Err(); {
		case errors.Is(err, syncmod.ErrAborted): // the only failure whose error does not say what to do
			return &failure{fmt.Errorf("the ceremony failed, %s: %w; this node ended the attempt and has "+
				"told the others; fix what is wrong, then start again together", p.noOtherAttempt(), err)}
		case err != nil:
			return &failure{fmt.Errorf("the ceremony failed, %s: %w", p.noOtherAttempt(), err)}
		}
		return nil
	case <-late:
		return &failure{fmt.Errorf("gave up after %s: %w; %s", p.timeout, p.missing(), p.leaving())}
	case <-ctx.Done():
		return fmt.Errorf("%w: %s", context.Cause(ctx), p.leaving())
	}
}

// noOtherAttempt says why no other attempt follows.
func (p *participation) noOtherAttempt() string {
	switch number, limit := p.last.Status().Attempt, p.config.Retry.Attempts; {
	case limit == 1:
		return "and --attempts allows no other attempt"
	case number == limit:
		return fmt.Sprintf("and attempt %d was the last", number)
	default:
		return "and another attempt would not help"
	}
}

// current returns the open attempt. If none is open, it returns the latest one.
func (p *participation) current() *syncmod.Ceremony {
	if open := p.service.Ceremonies(); len(open) > 0 {
		p.last = open[len(open)-1]
	}
	return p.last
}

// leaving says what this node's leaving means for the others.
func (p *participation) leaving() string {
	if c := p.current(); c == nil || c.Status().Phase == syncmod.Connecting {
		return "this node left before step 1, and the others are waiting for it: start it again"
	}
	return "this node left after step 1 had begun and has told the others; this ends the attempt for everyone: " +
		"start again together"
}

// missing says which members the node is waiting for.
func (p *participation) missing() error {
	c := p.current()
	if c == nil {
		return errors.New("between two attempts")
	}
	status := c.Status()
	if waiting := status.WaitingFor(); waiting != nil {
		return waiting
	}
	if status.Err != nil {
		return fmt.Errorf("between two attempts, after the earlier one failed: %w", status.Err)
	}
	return fmt.Errorf("working on step %d (%s), waiting for nobody", status.Step, status.StepName)
}

// startError says in one sentence why a node could not start, and decides the exit
// code. Like any address that cannot be used, an address that the node cannot listen on
// is a usage error.
func startError(err error) error {
	if e, ok := errors.AsType[*hosts.ListenError](err); ok {
		return fmt.Errorf("--listen: %w", e)
	}
	if errors.Is(err, statuspage.ErrListen) {
		return fmt.Errorf("--http: %w", dig.RootCause(err))
	}
	return &failure{dig.RootCause(err)}
}
