package soak

import (
	"errors"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

var (
	errOver   = errors.New("this node's part is over")
	errGaveUp = errors.New("the soak gave up")
)

// meet applies all faults that the plan has for the moment when a node has passed a
// step. It returns an error if a fault has ended the node's part.
func (a *actor) meet(step int) error {
	for _, f := range a.planned.faults {
		switch {
		case f.node != a.index || f.step != step || f.kind == hurry:
		case f.kind == abort, f.kind == leave, f.kind == stop, f.kind == kill, f.kind == restart:
			a.untilHeard(f)
			if a.ceremony.Err() != nil {
				return a.ceremony.Err() // another node was first
			}
			a.inject(f)
			a.gone = true
			return a.goes(f)
		case f.kind == lateKill:
			a.inject(f)
			a.kill(a.index)
		case f.kind == rekill, f.kind == restop, f.kind == reopen:
			a.inject(f)
			if err := a.anew(f); err != nil {
				return err
			}
		case f.kind.fatal():
			a.untilHeard(f)
			a.happen(f) // before the next step is announced
		default:
			a.faults.Go(func() { a.happen(f) })
		}
	}
	return nil
}

// goes makes a node end its part for good.
func (a *actor) goes(f fault) error {
	switch f.kind {
	case abort:
		a.ceremony.Abort(errGaveUp)
		if !errors.Is(a.ceremony.Err(), errGaveUp) {
			return a.ceremony.Err()
		}
	case leave:
		a.close()
	case stop:
		a.stop(a.index)
	case kill:
		a.lives = false
		a.kill(a.index)
	case restart:
		a.lives = false
		a.kill(a.index)
		a.reopenHost()
		if err := a.begin(); err != nil {
			a.t.Errorf("opening the ceremony on node %d, which has restarted: %v", a.index, err)
		}
	}
	return errOver
}

// anew ends a node's part before step 1, and begins it again.
func (a *actor) anew(f fault) error {
	switch f.kind {
	case rekill:
		a.kill(a.index)
	case restop:
		a.stop(a.index)
	case reopen:
		a.close()
	}
	if err := a.ceremony.Err(); !errors.Is(err, syncmod.ErrStopped) && !errors.Is(err, syncmod.ErrHostClosed) {
		return err // it failed earlier
	}
	<-time.After(f.length) // the others miss it for a while
	if f.kind == rekill {
		a.reopenHost()
	}
	a.start(a.index)
	return a.begin()
}

// reopenHost starts a dead node again, with its app.
func (a *actor) reopenHost() {
	a.nodes.Nodes[a.index].OpenHost()
	a.alive[a.index] = true
	a.start(a.index)
}
