package syncmod

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// AwaitConnected waits until every member is connected in both directions and
// authenticated. It returns a [*WaitError] when ctx ends first, and the failure when
// the ceremony fails.
func (c *Ceremony) AwaitConnected(ctx context.Context) error {
	run, err := c.taking("AwaitConnected")
	if err != nil {
		return err
	}
	return run.awaitConnected(ctx)
}

// SetStep announces a step. The step is either the current one, which changes
// nothing, or the next one if the current barrier is passed. For any other step
// SetStep returns an [ErrInvalid]. It does not wait: [Ceremony.AwaitStep] does.
// Callers that do not count the steps themselves use [Ceremony.Advance].
func (c *Ceremony) SetStep(step int64) error {
	run, err := c.taking("SetStep")
	if err != nil {
		return err
	}
	return run.announce(step)
}

// AwaitStep waits at the barrier of the current or the next step until every member
// has reached it, including this node. [Ceremony.SetStep] announces the step, and
// may be called during the wait. AwaitStep returns a [*WaitError] when ctx ends
// first, the failure when the ceremony fails, and an [ErrInvalid] for any other
// step.
func (c *Ceremony) AwaitStep(ctx context.Context, step int64) error {
	run, err := c.taking("AwaitStep")
	if err != nil {
		return err
	}
	return run.awaitStep(ctx, step)
}

// Advance announces the next step to everyone and waits at the barrier of that step
// until every member has reached the step. It returns the number of the step. The
// first step is 1. When ctx ends first, the error is a [*WaitError], and the next
// Advance waits for the same step again. Only one call may run at a time: a second
// one returns an [ErrInvalid].
func (c *Ceremony) Advance(ctx context.Context) (int64, error) {
	run, err := c.taking("Advance")
	if err != nil {
		return 0, err
	}
	return run.advance(ctx, "")
}

// Complete ends a ceremony that went well: first the last barrier, then the goodbyes
// in both directions. After the last barrier the ceremony has succeeded. If some
// members then do not say goodbye within GoodbyeTimeout and ctx, Complete returns a
// [*WaitError] that names them, but the ceremony is complete all the same. Before
// the last barrier, the errors are those of [Ceremony.Advance].
func (c *Ceremony) Complete(ctx context.Context) error {
	run, err := c.taking("Complete")
	if err != nil {
		return err
	}
	return run.complete(ctx)
}

// Status returns the current status of the ceremony.
func (c *Ceremony) Status() Status { return c.core().statusNow() }

// Watch yields the current status, and then a status for each change of phase, step,
// connections or attempts. Heartbeats are not changes. Slow consumers see only the
// latest status. Watch ends when ctx ends, or after the last status, which describes
// the moment when the ceremony completed or failed.
func (c *Ceremony) Watch(ctx context.Context) iter.Seq[Status] {
	run := c.core()
	return func(yield func(Status) bool) {
		for {
			status, changed := run.watch()
			if !yield(status) || status.Phase >= Complete {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

var errAdvancing = errors.New("another Advance is already waiting")

func (c *core) awaitConnected(ctx context.Context) error {
	var all roster.Barrier
	c.update(func(now time.Time) { all = c.roster.AwaitConnected(now) })
	return c.await(ctx, all)
}

func (c *core) awaitStep(ctx context.Context, step int64) error {
	if err := c.canAwait(step); err != nil {
		return err
	}
	return c.await(ctx, roster.StepBarrier(step))
}

// advance implements [Ceremony.Advance]. The name is the name of the step.
func (c *core) advance(ctx context.Context, name string) (int64, error) {
	step, err := c.beginAdvance(name)
	if errors.Is(err, errAdvancing) {
		return step, invalid("Advance", "another call is already waiting at step %d: only one may wait at a time", step)
	}
	if err == nil {
		err = c.await(ctx, roster.StepBarrier(step))
	}
	c.endAdvance(err)
	return step, err
}

func (c *core) complete(ctx context.Context) error {
	if err := c.lastBarrier(ctx); err != nil {
		return err
	}
	err := c.awaitGoodbyes(ctx)
	if err != nil {
		c.finish(err)
	}
	return err
}

func (c *core) lastBarrier(ctx context.Context) error {
	if err := c.await(ctx, c.currentBarrier()); err != nil {
		return err // the barrier of the current step is not passed yet, or the ceremony has failed
	}
	step, err := c.announceLast()
	if err != nil {
		return err
	}
	return c.await(ctx, roster.StepBarrier(step))
}

func (c *core) awaitGoodbyes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.svc.cfg.GoodbyeTimeout)
	defer cancel()
	return c.await(ctx, roster.ShutdownBarrier())
}

// beginAdvance announces the step of an Advance. It is the next step. But it is the
// current step again if the barrier of that step is not passed yet, or if an earlier
// Advance announced the step and no Advance has returned it yet.
func (c *core) beginAdvance(name string) (step int64, err error) {
	c.update(func(now time.Time) {
		step = c.roster.Step()
		if c.advancing {
			err = errAdvancing
			return
		}
		c.advancing = true
		if c.roster.Passed() == step && (c.pendingStep == 0 || c.pendingStep != step) {
			step++
		}
		c.stepName = name
		if err = c.announceStep(now, step); err != nil {
			step = c.roster.Step()
			return
		}
		c.pendingStep = step
	})
	if err == nil {
		err = c.failure()
	}
	return step, err
}

func (c *core) endAdvance(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advancing = false
	if err == nil {
		c.pendingStep = 0
	}
}

// announce passes this node's own step to the rules.
func (c *core) announce(step int64) (err error) {
	c.update(func(now time.Time) { err = c.announceStep(now, step) })
	if err == nil {
		err = c.failure()
	}
	return err
}

func (c *core) announceStep(now time.Time, step int64) error {
	switch {
	case c.err != nil:
		return c.err
	case step == c.roster.Step():
		return nil
	}
	return c.outOfTurn(step, c.roster.Announce(now, step))
}

// currentBarrier returns the barrier of the current step. Step 0 has no barrier, and
// counts as passed.
func (c *core) currentBarrier() roster.Barrier {
	c.mu.Lock()
	defer c.mu.Unlock()
	return roster.StepBarrier(c.roster.Step())
}

// announceLast announces the last barrier, which is the next step, unless it is
// already announced. It first signs what this node attests, without holding the
// lock.
func (c *core) announceLast() (step int64, err error) {
	for announced := false; !announced; {
		attests := c.sign(c.toAttest())
		c.update(func(now time.Time) { step, announced, err = c.announceLastWith(now, attests) })
	}
	if failure := c.failure(); failure != nil {
		return step, failure
	}
	return step, err
}

// announceLastWith announces the last barrier with what was signed for it. It does
// nothing if this node attests something else by now.
func (c *core) announceLastWith(now time.Time, signed signed) (step int64, announced bool, err error) {
	if step = c.roster.Last(); step > 0 {
		return step, true, nil
	}
	if c.err != nil {
		return step, true, c.err
	}
	if step = c.roster.Step() + 1; signed.step != step || !bytes.Equal(signed.result, c.result) {
		return step, false, nil
	}
	if signed.failure != nil {
		c.failAs(now, roster.Aborted, signed.failure)
		return step, true, signed.failure
	}
	if err := c.roster.Attest(signed.attestation); err != nil {
		return step, true, c.outOfTurn(step, err)
	}
	c.stepName = ""
	return step, true, c.outOfTurn(step, c.roster.AnnounceLast(now, step))
}

// outOfTurn turns the refusal of a step into a sentence.
func (c *core) outOfTurn(step int64, refused error) error {
	current := c.roster.Step()
	switch {
	case refused == nil:
		return nil
	case c.roster.Last() > 0:
		return invalid("step", "%d cannot be announced: step %d is the last barrier of this ceremony",
			step, c.roster.Last())
	case c.roster.Passed() < current:
		return invalid("step", "%d cannot be announced: the barrier of step %d has not been passed yet", step, current)
	}
	return invalid("step", "%d cannot be announced: the current step is %d", step, current)
}

// canAwait checks that the program can wait at the barrier of a step.
func (c *core) canAwait(step int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	current, passed := c.roster.Step(), c.roster.Passed()
	if step == current || step == current+1 && passed == current {
		return nil
	}
	return invalid("step",
		"%d is neither the current step, which is %d, nor the next one; "+
			"the next one can be awaited only once the barrier of the current one is passed", step, current)
}

// await waits until a barrier is reached, the ceremony ends or ctx ends.
func (c *core) await(ctx context.Context, b roster.Barrier) error {
	early, stop := c.watchStart(ctx)
	defer stop()
	for {
		c.mu.Lock()
		over, err := c.reached(b)
		released := listen(&c.released)
		c.mu.Unlock()
		if over {
			return err
		}
		select {
		case <-released:
		case <-c.done:
		case <-early:
			if advice := c.holdsUpStart(ctx); advice != "" {
				return c.waitError(context.DeadlineExceeded, b, advice)
			}
			early = nil
		case <-ctx.Done():
			return c.waitError(ctx.Err(), b, "")
		}
	}
}

// reached reports whether the wait at a barrier is over, and how it ended. The
// caller holds the lock.
func (c *core) reached(b roster.Barrier) (over bool, err error) {
	switch {
	case c.err != nil:
		return true, c.err
	case !c.roster.Reached(b):
		return false, nil
	case b.Kind == roster.BarrierShutdown:
		return true, c.goodbyeErr
	}
	return true, nil
}

// waitError makes the error of a wait that ended with its context. If the wait was
// over at the same moment, because of the barrier or the end of the ceremony, that
// result counts instead.
func (c *core) waitError(why error, b roster.Barrier, advice string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if over, err := c.reached(b); over {
		return err
	}
	if b.Kind != roster.BarrierStep {
		b.Step = c.roster.Step()
	}
	e := &WaitError{
		Barrier: b.Kind.String(), Step: b.Step, Err: why,
		members: len(c.def.Peers), at: now, early: b.Step > c.roster.Step(), advice: advice,
	}
	e.Missing = c.peerStatuses(c.roster.Missing(now, b))
	e.who = c.who(now, e.Missing)
	w, waits := c.roster.Waiting()
	if !waits || w.Kind != b.Kind || w.Step != b.Step {
		return e
	}
	e.Since = w.Since
	if b.Kind != roster.BarrierShutdown { // the shutdown barrier is reported when the goodbyes end
		c.report.Barrier(report.Barrier{
			Kind: e.Barrier, Step: e.Step, Name: c.stepName, Started: w.Since, Ended: now,
			Last: c.terms.Self, Err: e, Type: errorType(e),
		})
	}
	return e
}
