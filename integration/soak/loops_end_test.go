package soak

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// endAttempt ends a node's attempt early. If Run plays the attempt, the step returns
// endAttempt's error to Run.
func (n *looper) endAttempt(a *attempt, e *ending, leave func()) error {
	if err := a.ceremony.Err(); err != nil {
		return err // another node was first
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

// comeBack prepares the next attempt of a node that has restarted. If the node has a
// second ceremony, its process goes on, and only the attempt is closed, with the links
// frozen. So the others do not hear how it ended.
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

// apply applies a fault to all links of the node, and returns a function that undoes it.
func (n *looper) apply(k kind) (undo func()) {
	return n.wires.apply(fault{kind: k, who: []int{n.index}, others: n.nodes.Except(n.index)})
}

// hurry plays the attempt of a node that closes it soon after the last barrier.
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
		n.log.complete(a.lap) // before others can notice that the node is gone
		soon, cancel = context.WithTimeout(ctx, e.grace)
		_ = a.ceremony.Close(soon) // the close need not have finished when grace is over
		cancel()
		return nil
	}
}

// judge returns an error if an attempt ended in a wrong way.
func (n *looper) judge(a *attempt) error {
	n.tally.ended(kindOf(a.err))
	if a.err != nil {
		return n.excuse(a)
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
		excused := early >= 0 && (p.Index == early || n.log.hasFailed(p.Index, a.lap)) || n.log.waited(p.Index, a.lap)
		if !p.Done && !excused {
			return fmt.Errorf("attempt %d is complete without the goodbye of node %d", a.number, p.Index)
		}
	}
	return nil
}

// excuse returns nil if the ending of this lap, or a hurry in the previous lap,
// explains why an attempt failed.
func (n *looper) excuse(a *attempt) error {
	for r := max(a.lap-1, 0); r <= a.lap; r++ {
		e := n.plan.laps[r].ending
		switch {
		case e == nil, !n.log.hasEnded(r), r < a.lap && e.kind != hurry:
		case names(a, e.node), n.followsFromAnother(a):
			return nil
		}
	}
	return fmt.Errorf("attempt %d has failed with something that the plan does not explain: %w", a.number, a.err)
}

// names reports whether an attempt failed with an error that names the
// given node. A member that was cut off hears of the failure later, in the answer to
// a request. Its error then names the member that answered, and quotes the reason.
func names(a *attempt, node int) bool {
	blamed, named := errors.AsType[*syncmod.PeerError](a.err)
	switch {
	case named && blamed.Index == node:
		return true
	case errors.Is(a.err, syncmod.ErrAborted), errors.Is(a.err, syncmod.ErrStopped):
		return a.node == node
	}
	return strings.Contains(a.err.Error(), "refused this node") && saysOf(a.err, node, "")
}

// followsFromAnother reports whether an attempt failed because a member has begun its
// next attempt. A node that was cut off when an attempt ended learns of it in this way,
// from the first member that it hears. It may then end the next attempt of the others.
func (n *looper) followsFromAnother(a *attempt) bool {
	for node := range n.plan.members {
		if n.log.hasFailed(node, a.lap) && saysOf(a.err, node, " restarted: its step") ||
			saysOf(a.err, node, " is in another attempt") {
			return true
		}
	}
	return false
}

// saysOf reports whether an error says the given words of a node, or quotes another
// member that says them.
func saysOf(err error, node int, what string) bool {
	return strings.Contains(err.Error(), fmt.Sprintf("operator %d (%s)%s", node, harness.Name(node), what))
}
