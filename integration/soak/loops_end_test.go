package soak

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// endAttempt ends a node's attempt before its time. The error that it returns is for
// Run, where that runs the attempt.
func (n *looper) endAttempt(a *attempt, e *ending, leave func()) error {
	if err := a.ceremony.Err(); err != nil {
		return err // somebody else was first
	}
	n.tally.injected(e.kind)
	n.log.ends(a, e)
	if e.frozen > 0 {
		undo := n.apply(freeze)
		n.faults.Go(func() {
			rest(n.ctx, nil, e.frozen)
			undo()
		})
	}
	switch {
	case e.kind == abort:
		a.ceremony.Abort(errGaveUp)
		return errGaveUp
	case e.kind == restart && n.plan.beside == nil:
		n.kill(n.index)
	case e.kind == restart:
		n.thaw = n.apply(freeze)
	}
	leave()
	return errOver
}

// comeBack is what a node that has restarted does before its next attempt. Where it
// has a ceremony beside, this one alone restarts: nothing that it said at its end
// arrives.
func (n *looper) comeBack(a *attempt) {
	switch {
	case !n.alive[n.index]:
		n.nodes.Nodes[n.index].OpenHost()
		n.alive[n.index] = true
		n.start(n.index)
	case n.thaw != nil:
		n.inTime(fmt.Sprintf("closing the attempt of node %d, which restarts", n.index), a.ceremony.Close)
		_ = n.apply(drop)
		n.thaw()
		n.thaw = nil
	}
}

// apply makes something happen to all links of the node, and returns what undoes it.
func (n *looper) apply(k kind) (undo func()) {
	return n.wires.apply(fault{kind: k, who: []int{n.index}, others: n.nodes.Except(n.index)})
}

// hurry is an attempt of a node that closes it soon after the last barrier.
func (n *looper) hurry(ctx context.Context, a *attempt, e *ending) error {
	for k := 1; k < e.step; k++ {
		n.announce(a, k)
		if _, err := a.ceremony.Advance(ctx); err != nil {
			return err
		}
		n.pass(a, k)
	}
	n.announce(a, e.step)
	for {
		soon, cancel := context.WithTimeout(ctx, hastily)
		err := a.ceremony.Complete(soon)
		cancel()
		wait, waited := errors.AsType[*syncmod.WaitError](err)
		switch {
		case waited && wait.Barrier != "shutdown" && ctx.Err() == nil:
			continue
		case err != nil && (!waited || wait.Barrier != "shutdown"):
			return err
		}
		n.tally.injected(e.kind)
		n.log.ends(a, e)
		n.log.complete(a.lap) // before others can notice that it is gone
		soon, cancel = context.WithTimeout(ctx, e.grace)
		_ = a.ceremony.Close(soon) // it need not have ended by then
		cancel()
		return nil
	}
}

// judge tells what is wrong with how an attempt has ended.
func (n *looper) judge(a *attempt) error {
	n.tally.ended(kindOf(a.err))
	if a.err != nil {
		return n.explains(a)
	}
	planned := n.plan.laps[a.lap]
	n.pass(a, planned.last())
	n.log.complete(a.lap)
	early := -1
	if e := planned.ending; e != nil && e.kind == hurry {
		early = e.node
	}
	status := a.ceremony.Status()
	switch {
	case a.mustFail:
		return fmt.Errorf("attempt %d is complete in spite of: %s", a.number, planned.ending)
	case early == n.index:
		return nil
	case status.Phase != syncmod.Complete:
		return fmt.Errorf("attempt %d is over and %s, at step %d", a.number, status.Phase, status.Step)
	}
	for _, p := range status.Peers {
		if !p.Done && p.Index != early {
			return fmt.Errorf("attempt %d is complete without the goodbye of node %d", a.number, p.Index)
		}
	}
	return nil
}

// explains tells whether an attempt has failed by the ending that its lap has, or the
// lap before, where a node closed early.
func (n *looper) explains(a *attempt) error {
	for r := max(a.lap-1, 0); r <= a.lap; r++ {
		e := n.plan.laps[r].ending
		if e != nil && n.log.hasEnded(r) && (r == a.lap || e.kind == hurry) && names(a, e) {
			return nil
		}
	}
	return fmt.Errorf("attempt %d has failed with something that the plan does not explain: %w", a.number, a.err)
}

// names tells whether an attempt has failed with an error that names the node that
// ended its own. A member that was cut off hears of it later, as the answer to a
// request: its error names who gave it, and quotes the reason.
func names(a *attempt, e *ending) bool {
	blamed, named := errors.AsType[*syncmod.PeerError](a.err)
	switch {
	case named && blamed.Index == e.node:
		return true
	case errors.Is(a.err, syncmod.ErrAborted), errors.Is(a.err, syncmod.ErrStopped):
		return a.node == e.node
	}
	return strings.Contains(a.err.Error(), "refused this node") &&
		strings.Contains(a.err.Error(), fmt.Sprintf("operator %d (", e.node))
}
