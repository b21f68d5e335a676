package syncmod

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/telemetry"
)

// The barriers, as errors and reports name them.
const (
	barrierConnected = telemetry.BarrierConnected
	barrierStep      = telemetry.BarrierStep
	barrierShutdown  = telemetry.BarrierShutdown
)

// AwaitConnected waits until every member is connected, both ways and
// authenticated. It returns a [*WaitError] when ctx ends first, and the failure
// when the ceremony fails.
func (c *Ceremony) AwaitConnected(ctx context.Context) error {
	now := c.lock()
	before := c.roster.AwaitConnected(now)
	c.settle(now)
	c.mu.Unlock()
	c.flush()
	return c.await(ctx, barrierConnected, 0, func() (bool, <-chan struct{}) {
		all, times := c.roster.Connected()
		return all || times > before, listen(&c.connected)
	})
}

// SetStep announces a step: the current one, which changes nothing, or the next
// one once the current barrier is passed; else the error is an [ErrInvalid]. It
// does not wait: [Ceremony.AwaitStep] does. Callers that do not count for
// themselves use [Ceremony.Advance].
func (c *Ceremony) SetStep(step int64) error {
	c.mu.Lock()
	err := c.announce(step, false)
	c.mu.Unlock()
	c.flush()
	return err
}

// AwaitStep waits at the barrier of a step, the current one or the next, until
// every member has reached it, this node included: [Ceremony.SetStep] announces it,
// and may be called meanwhile. It returns a [*WaitError] when ctx ends first,
// the failure when the ceremony fails, and an [ErrInvalid] for any other step.
func (c *Ceremony) AwaitStep(ctx context.Context, step int64) error {
	c.mu.Lock()
	current, passed := c.roster.Step(), c.roster.Passed()
	c.mu.Unlock()
	if step != current && (step != current+1 || passed != current) {
		return invalid("step", "%d is neither the current step, which is %d, nor the next one after a passed barrier", step, current)
	}
	return c.awaitStep(ctx, step)
}

func (c *Ceremony) awaitStep(ctx context.Context, step int64) error {
	return c.await(ctx, barrierStep, step, func() (bool, <-chan struct{}) {
		return c.roster.Passed() >= step, listen(&c.passed)
	})
}

// Advance is the next barrier: it announces the next step to everyone and waits
// until every member has reached it. It returns that step; the first is 1. When
// ctx ends first the error is a [*WaitError], and the next Advance waits for the
// same step again. One call at a time: a second one is an [ErrInvalid].
func (c *Ceremony) Advance(ctx context.Context) (int64, error) {
	return c.advance(ctx, "")
}

func (c *Ceremony) advance(ctx context.Context, name string) (int64, error) {
	c.mu.Lock()
	if c.advancing {
		step := c.roster.Step()
		c.mu.Unlock()
		return step, invalid("Advance", "another call is waiting at step %d: one at a time", step)
	}
	c.advancing = true
	step := c.roster.Step()
	if c.roster.Passed() == step && (c.owed == 0 || c.owed != step) {
		step++
	}
	c.stepName = name
	err := c.announce(step, false)
	if err != nil {
		step = c.roster.Step()
	} else {
		c.owed = step
	}
	c.mu.Unlock()
	c.flush()
	if err == nil {
		err = c.awaitStep(ctx, step)
	}
	c.mu.Lock()
	c.advancing = false
	if err == nil {
		c.owed = 0
	}
	c.mu.Unlock()
	return step, err
}

// announce brings this node's own step to the rules. The lock is held.
func (c *Ceremony) announce(step int64, last bool) error {
	if c.err != nil {
		return c.err
	}
	current := c.roster.Step()
	if step == current && !last {
		return nil
	}
	now := time.Now()
	if err := c.roster.Announce(now, step, last); err != nil {
		switch {
		case c.roster.Last() > 0:
			return invalid("step", "%d cannot be announced: step %d is the last barrier of this ceremony", step, c.roster.Last())
		case c.roster.Passed() < current:
			return invalid("step", "%d cannot be announced: the barrier of step %d is not passed yet", step, current)
		}
		return invalid("step", "%d cannot be announced: the current step is %d", step, current)
	}
	c.settle(now)
	return c.err
}

// Complete is the end of a ceremony that went well: the last barrier, then the
// goodbyes, both ways. After the last barrier the ceremony has succeeded: a
// [*WaitError] then names who did not say goodbye within GoodbyeTimeout and ctx,
// and the ceremony is complete all the same. An error before that is as in
// [Ceremony.Advance].
func (c *Ceremony) Complete(ctx context.Context) error {
	if err := c.lastBarrier(ctx); err != nil {
		return err
	}
	err := c.awaitGoodbyes(ctx)
	if err != nil {
		c.finish(err)
	}
	return err
}

func (c *Ceremony) lastBarrier(ctx context.Context) error {
	c.mu.Lock()
	step := c.roster.Last()
	if step == 0 {
		step = c.roster.Step() + 1
		c.stepName = ""
		if err := c.announce(step, true); err != nil {
			c.mu.Unlock()
			return err
		}
	}
	c.mu.Unlock()
	c.flush()
	return c.awaitStep(ctx, step)
}

func (c *Ceremony) awaitGoodbyes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.svc.cfg.GoodbyeTimeout)
	defer cancel()
	return c.await(ctx, barrierShutdown, 0, func() (bool, <-chan struct{}) { return false, nil })
}

// finish ends the goodbyes.
func (c *Ceremony) finish(unheard error) {
	now := c.lock()
	if c.roster.Phase() != roster.Complete { // else Complete or Close has been here before
		c.unheard = unheard
	}
	c.roster.Finish()
	c.settle(now)
	c.mu.Unlock()
	c.flush()
}

// await waits until something is so, the ceremony ends or ctx does. The step is
// that of a step's barrier. The function is called with the lock held and
// returns what to wait on until it is worth being called again.
func (c *Ceremony) await(ctx context.Context, barrier string, step int64, ready func() (bool, <-chan struct{})) error {
	for {
		c.mu.Lock()
		ok, changed := ready()
		err, phase, unheard := c.err, c.roster.Phase(), c.unheard
		c.mu.Unlock()
		switch {
		case err != nil:
			return err
		case phase == roster.Complete && barrier == barrierShutdown:
			return unheard
		case ok, phase == roster.Complete:
			return nil
		}
		select {
		case <-changed:
		case <-c.done:
		case <-ctx.Done():
			return c.waitError(ctx, barrier, step)
		}
	}
}

// waitError says whom a wait was still waiting for. The wait may have ended well,
// or with the ceremony, at the same moment: that counts more.
func (c *Ceremony) waitError(ctx context.Context, barrier string, step int64) error {
	defer c.flush()
	now := c.lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	all, _ := c.roster.Connected()
	switch {
	case barrier == barrierConnected && all:
		return nil
	case barrier == barrierShutdown && c.roster.Phase() == roster.Complete:
		return c.unheard
	case barrier == barrierStep && c.roster.Passed() >= step:
		return nil
	case barrier != barrierStep:
		step = c.roster.Step()
	}
	e := &WaitError{Barrier: barrier, Step: step, Err: ctx.Err(), members: len(c.def.Peers), at: now, early: step > c.roster.Step()}
	for _, i := range c.missing(now, barrier, step) {
		e.Missing = append(e.Missing, c.peerStatus(i))
	}
	if w, waits := c.waits(); waits && w.kind == barrier && w.step == step {
		c.reportBarrier(telemetry.Barrier{
			Kind: barrier, Step: e.Step, Name: c.stepName, Started: w.since, Ended: now, Last: c.self, Err: e, Type: errorType(e),
		})
	}
	return e
}

// missing lists the members that a barrier waits for now; the step is that of a
// step's barrier. The lock is held.
func (c *Ceremony) missing(now time.Time, barrier string, step int64) []int {
	switch barrier {
	case barrierConnected:
		return c.roster.MissingConnected()
	case barrierShutdown:
		return c.roster.MissingGoodbyes(now)
	default:
		return c.roster.MissingAt(step)
	}
}

// Status returns how the ceremony stands now.
func (c *Ceremony) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status()
}

func (c *Ceremony) status() Status {
	s := Status{Phase: c.phase, Step: c.roster.Step(), StepName: c.stepName, Since: c.since, Err: c.err}
	for i := range c.def.Peers {
		if i != c.self {
			s.Peers = append(s.Peers, c.peerStatus(i))
		}
	}
	return s
}

func (c *Ceremony) peerStatus(i int) PeerStatus {
	m := c.roster.Member(i)
	return PeerStatus{
		Index: i, Peer: c.def.Peers[i], Nickname: printable(m.Nickname, 4*maxNickname), Version: printable(m.Version, maxNickname),
		Inbound: m.Inbound, Outbound: m.Outbound, Relayed: m.Relayed, Step: m.Step, Done: m.Done, answered: m.Answered,
		LastSeen: m.LastSeen, Since: m.Since, RTT: m.RTT, Reconnects: m.Reconnects, Attempts: m.Attempts, LastError: m.LastError,
	}
}

// Watch yields the current status, then each change of it: phase, step,
// connections, attempts; heartbeats alone are none. Whoever is slow gets the
// newest status, never a backlog. It ends after the last status, that of a
// ceremony that is complete or failed, and when ctx ends.
func (c *Ceremony) Watch(ctx context.Context) iter.Seq[Status] {
	return func(yield func(Status) bool) {
		for {
			c.mu.Lock()
			status := c.status()
			changed := listen(&c.watch)
			c.mu.Unlock()
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

// isWait tells whether an error is the end of a wait by its context.
func isWait(err error) bool {
	var wait *WaitError
	return errors.As(err, &wait)
}
