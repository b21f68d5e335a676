package syncmod

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// Retry says how [Service.Run] and [RunAttempts] begin a failed ceremony again. All
// members should have the same Attempts: the others wait for a member that gives up
// earlier.
type Retry struct {
	// Attempts is the maximum number of attempts, including the first. Default 1. Negative:
	// no limit.
	Attempts int
	// Pause is the time between the failure of the first attempt and the beginning of the
	// second. It doubles with each attempt, up to PauseMax. It starts over after an attempt
	// that lasted longer than PauseMax. Each pause is made shorter or longer at random, by
	// up to half of its length, so that the members do not begin at the same moment. The
	// longest pause is therefore one and a half times PauseMax. Defaults 1s and 30s.
	Pause, PauseMax time.Duration
}

// retryJitter is the maximum random change of a pause, as a fraction of the pause.
const retryJitter = 0.5

// Permanent marks an error that no other attempt can mend. It is for the error of a step,
// or of the function that makes the steps. [Service.Run] returns the error and does not
// begin again. The text stays as it is. Permanent returns nil for a nil error.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Run takes part in a ceremony until it is complete, in as many attempts as
// [Config].Retry allows. Each attempt opens the definition, makes new steps and calls
// [Ceremony.Run]. After a failure that another attempt may mend, Run pauses, closes the
// ceremony and begins again. The first barrier brings the members together: it waits for
// members that are still pausing, and for those whose process must be started again.
//
// Another attempt may mend a restart, a timeout, a member that left or was left behind,
// an abort by another member, and an error of this node's own steps. It cannot mend a
// different version, definition, list of members or result, a closed host, the stop of
// this node, or an error marked as [Permanent]. Foreign members (Charon, Pluto) end with
// their first failure. The others wait until those are started again.
//
// Once an attempt is complete, the error is nil. The receipt is nil if this node attested nothing. If no attempt
// completes, the error says why the last attempt failed, or why an attempt could not be opened (as the error of
// [Service.Open] does). When ctx ends, Run closes the open ceremony, as [Ceremony.Run] does. It leaves nothing open
// when it returns or panics. [OnEnd], and the shutdown that a Config asks for, apply only to the last attempt that was
// opened.
func (s *Service) Run(ctx context.Context, d Definition, newSteps func(*Ceremony) ([]Step, error)) (*Receipt, error) {
	if newSteps == nil {
		return nil, invalid("Run", "the function that makes the steps is nil")
	}
	return newAttempts(s, d, newSteps).run(ctx)
}

// attempts takes part in a definition, attempt after attempt.
type attempts struct {
	svc      *Service
	def      Definition
	newSteps func(*Ceremony) ([]Step, error)
	opened   func(*Ceremony) // called with each attempt; may be nil
	pauses   *backoff.ExponentialBackOff

	number  int       // the number of the last attempt that has begun, from 1
	current *Ceremony // the ceremony of that attempt; nil: it could not be opened
	before  error     // why the previous attempt failed
	failed  *core     // the previous attempt, until it is known whether the next one opens
}

func newAttempts(s *Service, d Definition, newSteps func(*Ceremony) ([]Step, error)) *attempts {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = s.cfg.Retry.Pause, s.cfg.Retry.PauseMax
	pauses.Multiplier, pauses.RandomizationFactor = 2, retryJitter
	return &attempts{svc: s, def: d, newSteps: newSteps, pauses: pauses}
}

func (r *attempts) run(ctx context.Context) (*Receipt, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	return r.goOn(ctx)
}

// goOn does the rest of run, once the first attempt is open.
func (r *attempts) goOn(ctx context.Context) (*Receipt, error) {
	for {
		receipt, another, err := r.take(ctx)
		if !another {
			return receipt, err
		}
		if err := r.open(ctx); err != nil {
			return nil, err
		}
	}
}

// attempt is what a ceremony knows about the [Service.Run] or [RunAttempts] that
// opened it. The zero value is for a ceremony that was opened without them.
type attempt struct {
	number int   // from 1; 0: not an attempt of Service.Run or RunAttempts
	before error // why the previous attempt failed
	limit  int   // the maximum number of attempts; negative: no limit
}

// shown returns the number of the attempt as statuses and reports show it.
func (a attempt) shown() int { return max(a.number, 1) }

// another returns true if a further attempt follows a failure.
func (a attempt) another(f *roster.Failure, err error) bool {
	switch {
	case a.number == 0, f == nil, a.limit >= 0 && a.number >= a.limit:
		return false
	case kindOf(f.Kind).mend != mendable:
		return false
	}
	_, permanently := errors.AsType[*permanentError](err)
	return !permanently
}

// attemptError is the failure of an attempt that is followed by another. It drops the
// advice that only helps nodes that end with their first failure.
type attemptError struct{ err error }

func (e *attemptError) Error() string {
	return strings.ReplaceAll(e.err.Error(), "; "+startAgain, "") + "; this node begins again by itself"
}

func (e *attemptError) Unwrap() error { return e.err }

// open opens the next attempt. If it cannot, the previous attempt was the last.
func (r *attempts) open(ctx context.Context) error {
	r.number++
	before := r.failed
	r.current, r.failed = nil, nil
	a := attempt{number: r.number, before: r.before, limit: r.svc.cfg.Retry.Attempts}
	c, err := newCeremony(r.svc, r.def, a, openOptions{})
	if err == nil {
		err = c.core().open(ctx)
	}
	switch {
	case err == nil:
		r.current = c
		if r.opened != nil {
			r.opened(c)
		}
		if before != nil {
			before.endings.Done()
		}
		return nil
	case before == nil:
		return err
	case c != nil && c.core().isOpened(): // it was open for a moment, and the program knows that it has ended
		before.endings.Done()
	default:
		before.handleEnd()
		before.endings.Done()
		r.svc.awaitReports(context.WithoutCancel(ctx), time.Now(), before)
	}
	return r.about(fmt.Errorf("%w; the attempt before: %w", err, r.before))
}

var errNotReturned = errors.New("the run has panicked, or its goroutine has exited")

// take runs the open attempt, and the pause after it if another attempt follows.
func (r *attempts) take(ctx context.Context) (receipt *Receipt, another bool, err error) {
	c, began, returned := r.current, time.Now(), false
	defer func() {
		if !returned {
			c.Abort(errNotReturned)
		}
		r.leave(ctx, c.core())
	}()
	err = r.work(ctx, c)
	returned = true
	if time.Since(began) > r.svc.cfg.Retry.PauseMax {
		r.pauses.Reset()
	}
	if run := c.core(); run.unsettled() {
		r.before = err
		if another = r.pause(ctx, run); another {
			r.failed = run
		}
	}
	if err != nil {
		return nil, another, r.about(err)
	}
	return c.Receipt(), false, nil
}

// work makes the steps and runs the ceremony.
func (r *attempts) work(ctx context.Context, c *Ceremony) error {
	steps, err := r.newSteps(c)
	if err == nil {
		return c.Run(ctx, steps...)
	}
	err = fmt.Errorf("making the steps: %w", err)
	c.Abort(err)
	if failure := c.Err(); failure != nil {
		return failure
	}
	return err // the ceremony was complete
}

// leave closes an attempt. It also waits for the functions of OnEnd, unless another attempt
// follows: then it is not known yet whether they will be called.
func (r *attempts) leave(ctx context.Context, run *core) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	began, err := run.leave(closing)
	if r.failed == run {
		r.svc.awaitReports(closing, began)
	} else {
		r.svc.awaitReports(closing, began, run)
	}
	if err != nil {
		r.svc.telemetry.Notice(time.Now(), logrus.WarnLevel, err.Error())
	}
}

// pause waits before the next attempt. The failed one stays open, so that members that
// reach this node read why they have to wait. It returns false if no attempt follows,
// because ctx has ended or the ceremony was closed.
func (r *attempts) pause(ctx context.Context, failed *core) bool {
	pause := r.pauses.NextBackOff()
	failed.report.Pause(report.Pause{At: time.Now(), Lasts: pause, Err: r.before})
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil && failed.settle(true)
	case <-ctx.Done():
	case <-failed.closed:
	}
	return false
}

// about adds the number of the attempt to an error, if there was more than one attempt.
func (r *attempts) about(err error) error {
	if r.number == 1 {
		return err
	}
	return fmt.Errorf("attempt %d: %w", r.number, err)
}

// unsettled reports whether the ceremony has failed and another attempt may follow.
func (c *core) unsettled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempt.another(c.roster.Failure(), c.err) && !c.settled.Load()
}

// retried reports whether another attempt follows this one, as far as is known. The
// caller holds the lock.
func (c *core) retried() bool {
	return !c.abandoned.Load() && c.attempt.another(c.roster.Failure(), c.err)
}

// settle decides, once, whether another attempt follows a failed one. If none follows,
// the program learns of the end now. Otherwise the program learns of it only if the next
// attempt cannot be opened. settle reports whether this call decided it.
func (c *core) settle(another bool) bool {
	if !c.unsettled() || !c.settled.CompareAndSwap(false, true) {
		return false
	}
	if !another {
		c.abandoned.Store(true)
		c.handleEnd()
		c.endings.Done() // added when the ceremony failed
	}
	return true
}
