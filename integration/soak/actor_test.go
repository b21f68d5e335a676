package soak

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// actor is a node's part in a ceremony.
type actor struct {
	*scene
	index    int
	script   script
	ceremony *syncmod.Ceremony
	lives    bool // it sees the whole ceremony, and must know how it ended
	gone     bool // it ends its own part before the ceremony is over
	err      error
	ended    time.Duration
	watched  sync.WaitGroup
}

// hastily is a deadline that is too short for most barriers.
const hastily = 25 * time.Millisecond

// play does a node's part until the ceremony is complete or has failed.
func (a *actor) play(ctx context.Context) {
	defer func() { a.ended = time.Since(a.began) }()
	a.pause(ctx, a.script.open)
	a.start(a.index)
	if a.before != nil {
		a.before.actors[a.index].close()
	}
	if a.err = a.begin(); a.err != nil {
		return
	}
	if a.script.connect {
		if a.err = a.ceremony.AwaitConnected(ctx); a.err != nil {
			return
		}
	}
	if a.err = a.meet(0); a.err != nil {
		return
	}
	if a.script.calls == run {
		a.err = a.ceremony.Run(ctx, a.runSteps()...)
	} else {
		a.err = a.steps(ctx)
	}
	if a.gone {
		return
	}
	if a.err == nil {
		a.record.note(event{node: a.index, step: a.planned.last(), passed: true})
		a.err = a.meet(a.planned.last())
	}
}

// begin opens the ceremony, and watches it to its end.
func (a *actor) begin() (err error) {
	a.ceremony, err = a.nodes.Nodes[a.index].Service.Open(a.defs[a.index])
	if err != nil {
		return err
	}
	if err := a.ceremony.Attest([]byte(a.about)); err != nil {
		return err
	}
	ceremony := a.ceremony
	a.watched.Go(func() { a.watch(ceremony) })
	return nil
}

// watch requires that a ceremony never goes backwards, and that the last status is
// final.
func (a *actor) watch(ceremony *syncmod.Ceremony) {
	var before syncmod.Status
	ctx, cancel := context.WithTimeout(context.Background(), a.bound+slack)
	defer cancel()
	for status := range ceremony.Watch(ctx) {
		if status.Phase < before.Phase || status.Step < before.Step {
			a.t.Errorf("node %d went from %s at step %d to %s at step %d",
				a.index, before.Phase, before.Step, status.Phase, status.Step)
		}
		before = status
		if status.Phase < syncmod.Complete {
			a.heard.note(a.index, status)
		}
		if status.Phase < syncmod.Complete {
			select {
			case <-a.over: // a ceremony that was begun again need not end by itself
				return
			default:
			}
		}
	}
}

// steps takes the barriers one by one.
func (a *actor) steps(ctx context.Context) error {
	for k := 1; k <= a.planned.steps; k++ {
		a.announce(ctx, k)
		if err := a.barrier(ctx, k); err != nil {
			return err
		}
		a.record.note(event{node: a.index, step: k, passed: true})
		if err := a.meet(k); err != nil {
			return err
		}
	}
	a.announce(ctx, a.planned.last())
	for _, f := range a.planned.faults {
		if f.kind == hurry && f.node == a.index {
			return a.hurry(ctx, f)
		}
	}
	return a.ceremony.Complete(ctx)
}

// announce is called just before a step is announced.
func (a *actor) announce(ctx context.Context, step int) {
	a.pause(ctx, a.script.pauses[step-1])
	a.record.note(event{node: a.index, step: step})
}

// pause waits for d, or until the ceremony ends.
func (a *actor) pause(ctx context.Context, d time.Duration) {
	var done <-chan struct{}
	if a.ceremony != nil {
		done = a.ceremony.Done()
	}
	select {
	case <-time.After(d): // stands for the node's own work
	case <-done:
	case <-ctx.Done():
	}
}

// barrier passes one barrier, in the manner that the node's script says.
func (a *actor) barrier(ctx context.Context, step int) error {
	switch a.script.calls {
	case setAwait:
		if err := a.ceremony.SetStep(int64(step)); err != nil {
			return err
		}
		return a.ceremony.AwaitStep(ctx, int64(step))
	case again:
		for {
			err := a.tryAdvance(ctx)
			wait, timedOut := errors.AsType[*syncmod.WaitError](err)
			if !timedOut || ctx.Err() != nil {
				return err
			}
			if wait.Step != int64(step) {
				a.t.Errorf("node %d waits for step %d after a deadline at step %d", a.index, wait.Step, step)
			}
		}
	}
	passed, err := a.ceremony.Advance(ctx)
	if err == nil && passed != int64(step) {
		a.t.Errorf("node %d advanced to step %d instead of %d", a.index, passed, step)
	}
	return err
}

func (a *actor) tryAdvance(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, hastily)
	defer cancel()
	_, err := a.ceremony.Advance(ctx)
	return err
}

// runSteps returns the steps of a node that lets Run pass the barriers.
func (a *actor) runSteps() []syncmod.Step {
	a.announce(context.Background(), 1)
	var steps []syncmod.Step
	for k := 1; k <= a.planned.steps; k++ {
		steps = append(steps, syncmod.Step{Run: func(ctx context.Context) error {
			a.record.note(event{node: a.index, step: k, passed: true})
			if err := a.meet(k); err != nil {
				return err
			}
			a.announce(ctx, k+1)
			return nil
		}})
	}
	return steps
}

// hurry completes without waiting for the goodbyes. It gives up on them as soon as the
// last barrier is passed.
func (a *actor) hurry(ctx context.Context, f fault) error {
	a.inject(f)
	for {
		soon, cancel := context.WithTimeout(ctx, f.length)
		err := a.ceremony.Complete(soon)
		cancel()
		wait, waited := errors.AsType[*syncmod.WaitError](err)
		if !waited || wait.Barrier == "shutdown" || ctx.Err() != nil {
			a.close()
			return err
		}
	}
}

// close closes the ceremony, unless the node's death has closed it.
func (a *actor) close() {
	if a.ceremony != nil && a.alive[a.index] {
		a.inTime("closing the ceremony of node "+string(rune('0'+a.index)), a.ceremony.Close)
	}
}
