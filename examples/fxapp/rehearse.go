package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/examples/fxapp/view"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	rehearsalTimeout = 30 * time.Second
	encore           = 2 * time.Second // how long a node stays after it has seen everyone, so that they see it too
	showPause        = time.Second / 2 // between two tables of a watch
)

// rehearsalFlags say whether a node only looks at its ceremony.
type rehearsalFlags struct{ rehearse, watch bool }

func (f *rehearsalFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.rehearse, "rehearse", false,
		"only check who is there before the real ceremony, and take no part (see above)")
	flags.BoolVar(&f.watch, "watch", false, "with --rehearse: stay, and show what changes")
}

func (f *rehearsalFlags) check() error {
	if f.watch && !f.rehearse {
		return errors.New("--watch works only with --rehearse")
	}
	return nil
}

// fits reports whether a live view suits the flags. A rehearsal without --watch prints
// only its result. A watch whose output goes to a file prints to that file.
func (f *rehearsalFlags) fits(cmd *cobra.Command) bool {
	return !f.rehearse || f.watch && view.Fits(cmd.InOrStdin(), cmd.OutOrStdout())
}

// rehearsal is a look at a cluster before its ceremony.
type rehearsal struct {
	*participation
	out    io.Writer
	format string
	watch  bool

	shown string                     // the last table, without what changes all the time
	met   map[int]syncmod.PeerStatus // members that rehearsed at the same time and may have left
}

// run looks until it has seen everyone (not with --watch), the time is over, the
// ceremony fails, or the real ceremony has begun. Its error says which members are
// not fit for the ceremony.
func (r *rehearsal) run(ctx context.Context) error {
	if r.timeout == 0 && !r.watch {
		r.timeout = rehearsalTimeout
	}
	if !r.log.IsLevelEnabled(logrus.DebugLevel) {
		r.log.SetLevel(logrus.WarnLevel) // the table says the rest
	}
	r.config.OpenGrace = time.Second // a rehearsal refuses nobody, so it need not wait before it says what is wrong
	var h host.Host
	app := fx.New(
		fx.Supply(r.log, r.host),
		fx.Provide(hosts.New),
		lifecycle.WithFxLogger(),
		r.fxLog(), r.statusPage(),
		dkgsync.Module,
		syncmod.Configure(r.config),
		fx.Invoke(hosts.Listen),
		fx.Populate(&h, &r.service),
		fx.StartTimeout(time.Minute), fx.StopTimeout(leaveTimeout),
	)
	starting, started := context.WithTimeout(context.WithoutCancel(ctx), app.StartTimeout())
	defer started()
	if err := app.Start(starting); err != nil {
		return startError(err)
	}
	result := r.look(ctx)
	stopping, stopped := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout())
	defer stopped()
	_ = h.Close() // before app.Stop removes the handler: Pluto gives up on a host without it
	if err := app.Stop(stopping); err != nil {
		r.log.WithError(err).Warn("the node did not stop properly")
	}
	return result
}

// look opens the ceremony as an observer, shows what it sees, and leaves.
func (r *rehearsal) look(ctx context.Context) error {
	c, err := r.service.Open(r.definition, syncmod.Observe())
	if err != nil {
		return &failure{err}
	}
	hide := r.show(ctx)
	r.greet()
	last := r.watchUntilSeen(ctx, c)
	hide()
	leaving, left := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer left()
	if err := c.Close(leaving); err != nil {
		r.log.WithError(err).Warn("the rehearsal did not end properly")
	}
	return errors.Join(context.Cause(ctx), r.conclude(last))
}

// watchUntilSeen looks until it is time to leave, and returns the last status.
func (r *rehearsal) watchUntilSeen(ctx context.Context, c *syncmod.Ceremony) syncmod.Status {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := r.timeout
	if limit == 0 {
		limit = math.MaxInt64
	}
	leave := time.AfterFunc(limit, cancel)
	defer leave.Stop()
	seen := false
	if r.watch && !r.isLive() {
		defer r.printAtAPace(ctx, c.Watch)()
	}
	for s := range c.Watch(ctx) {
		s = r.remember(s)
		if begun(s) || s.Phase == syncmod.Failed {
			return s
		}
		if !r.watch && !seen && settled(s) {
			seen = true
			leave.Reset(encore)
		}
	}
	return r.remember(c.Status())
}

// printAtAPace prints changes until stop is called, at most one every showPause, so that a
// member that comes and goes does not flood the terminal. It never leaves out the latest
// status, because the watch yields it after the pause.
func (r *rehearsal) printAtAPace(
	ctx context.Context, watch func(context.Context) iter.Seq[syncmod.Status],
) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var showing sync.WaitGroup
	showing.Go(func() {
		for s := range watch(ctx) {
			if r.print(s) {
				sleep(ctx, showPause)
			}
		}
	})
	return func() {
		cancel()
		showing.Wait()
	}
}

// remember looks for members that rehearsed and have left, and puts them back into the
// status as they were. A real node that has left stays missing. A watch shows only the
// present, so remember does not change its status.
func (r *rehearsal) remember(s syncmod.Status) syncmod.Status {
	if r.watch {
		return s
	}
	if r.met == nil {
		r.met = make(map[int]syncmod.PeerStatus)
	}
	for i, p := range s.Peers {
		switch met, ok := r.met[p.Index]; {
		case rehearses(p):
			r.met[p.Index] = p
		case fit(p) || p.Fault != nil || p.Step > 0:
			delete(r.met, p.Index)
		case ok:
			s.Peers[i] = met
		}
	}
	return s
}

// rehearses reports whether a member is rehearsing, like this node, and is fit for the ceremony.
func rehearses(p syncmod.PeerStatus) bool { return fit(p) && p.Waiting != "" }

// greet says what a rehearsal is.
func (r *rehearsal) greet() {
	if r.format == textFormat && !r.isLive() {
		_, _ = fmt.Fprintf(r.out, "this node is %s, and only looks at the ceremony %x…\n",
			operatorText(r.definition, r.self), r.definition.Hash[:min(len(r.definition.Hash), 8)])
	}
}

// begun reports whether a member says that the real ceremony runs.
func begun(s syncmod.Status) bool {
	for _, p := range s.Peers {
		if p.Step > 0 {
			return true
		}
	}
	return false
}

// settled reports whether there is nothing more to find out: every member is fit, or has
// a fault that would fail the ceremony.
func settled(s syncmod.Status) bool {
	for _, p := range s.Peers {
		if !fit(p) && p.Fault == nil {
			return false
		}
	}
	return true
}

// fit reports whether the ceremony could begin with a member.
func fit(p syncmod.PeerStatus) bool { return p.Inbound && p.Outbound && p.Fault == nil && p.Step == 0 }

// print prints a table if it has something new, and reports whether it printed.
func (r *rehearsal) print(s syncmod.Status) bool {
	var news strings.Builder
	for _, p := range s.Peers {
		_, _ = fmt.Fprintln(&news, p.Inbound, p.Outbound, p.Relayed, p.Version, p.Nickname, p.Step, p.Fault, p.Waiting,
			p.LastError, clockText(p))
	}
	if r.shown == news.String() {
		return false
	}
	r.shown = news.String()
	if r.format == jsonFormat {
		_ = json.NewEncoder(r.out).Encode(s)
		return true
	}
	_, _ = fmt.Fprintf(r.out, "\n%s\n%s\n", time.Now().Format("15:04:05"), r.table(s))
	return true
}

// conclude prints what the rehearsal found, and what that means for the members.
func (r *rehearsal) conclude(s syncmod.Status) error {
	if !r.isLive() { // a live view has left the table in the terminal
		r.print(s)
	}
	var unfit []int
	for _, p := range s.Peers {
		if !fit(p) {
			unfit = append(unfit, p.Index)
		}
	}
	if r.format == textFormat {
		_, _ = fmt.Fprintln(r.out, "\n"+r.effect(s))
	}
	switch {
	case s.Err != nil:
		return &failure{s.Err}
	case begun(s):
		return &failure{errors.New("the real ceremony has begun, so this rehearsal left at once; " +
			"leave the real node running until the ceremony is over")}
	case len(unfit) > 0:
		return &failure{fmt.Errorf("%d of %d members are not ready: %s; "+
			"the table above says what is wrong with each: have it fixed, then rehearse again",
			len(unfit), len(r.definition.Peers), listMembers(r.definition, unfit))}
	}
	if r.format == textFormat {
		_, _ = fmt.Fprintf(r.out, "all %d members are ready\n", len(r.definition.Peers))
	}
	return nil
}

// effect says what the rehearsal means for the members.
func (r *rehearsal) effect(s syncmod.Status) string {
	for _, p := range s.Peers {
		if p.Step > 0 {
			return fmt.Sprintf("CAREFUL: %s is at step %d, so the real ceremony is running, "+
				"and another process uses this "+
				"node's key. If a member lost its stream to the real node during the rehearsal, it may have connected "+
				"to this process instead. Check that the real node is still connected to everyone, and do not "+
				"rehearse again before the ceremony is over",
				operatorText(r.definition, p.Index), p.Step)
		}
	}
	return "the rehearsal changed nothing in the cluster: this node took no part, no member counts this node " +
		"as connected, and all members are still at step 0"
}
