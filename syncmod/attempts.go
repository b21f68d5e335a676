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

// Retry says how [Service.Run] and [RunAttempts] begin a ceremony again that has
// failed. All members should have the same Attempts: one that gives up makes the
// others wait for it.
type Retry struct {
	// Attempts is how many attempts there are at most, the first one included.
	// Default 1. Negative: any number.
	Attempts int
	// Pause is the time between the failure of the first attempt and the beginning of
	// the second. It doubles with each attempt, up to PauseMax, and begins anew after
	// an attempt that has lasted longer than PauseMax. Each pause is up to a half shorter
	// or longer than that, so that the members do not begin in the same moment: the
	// longest is one and a half times PauseMax. Defaults 1s and 30s.
	Pause, PauseMax time.Duration
}

// retryJitter is how far a pause may differ from what is due, as a part of it.
const retryJitter = 0.5

// Permanent marks the error of a step, or of the function that makes the steps, as
// one that no other attempt can mend: [Service.Run] returns it and does not begin
// again. The text stays as it is. It returns nil for a nil error.
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
// [Config].Retry allows. Each attempt opens the definition, makes new steps, and is a
// [Ceremony.Run]. After a failure that another attempt may mend, Run pauses, closes
// the ceremony and begins again. The first barrier brings the members together: those
// that still pause, or whose process has to be started again first, are waited for.
//
// Another attempt may mend a restart, a timeout, a member that has left or was left
// behind, an abort by another member, and an error of this node's own steps. It cannot
// mend another version, definition, list of members or result, a closed host, the stop
// of this node, and what is marked as [Permanent]. Members of other implementations
// end with their first failure: the others wait until they are started again.
//
// Run returns nil once an attempt is complete, with its receipt, which is nil if this
// node attested nothing. Otherwise it returns why the last attempt failed, or why
// none could begin, as [Service.Open] does. When ctx ends, it closes what is open, as
// [Ceremony.Run] does. Nothing stays open when it returns or panics. [OnEnd], and the
// shutdown that a Config asks for, see the last attempt that was opened, and no other.
func (s *Service) Run(ctx context.Context, d Definition, newSteps func(*Ceremony) ([]Step, error)) (*Receipt, error) {
	if newSteps == nil {
		return nil, invalid("Run", "the function that makes the steps is nil")
	}
	return newAttempts(s, d, newSteps).run(ctx)
}

// attempts is a run of a definition, attempt after attempt.
type attempts struct {
	svc      *Service
	def      Definition
	newSteps func(*Ceremony) ([]Step, error)
	opened   func(*Ceremony) // is told of each attempt; nil: nobody is
	pauses   *backoff.ExponentialBackOff

	number  int       // of the last attempt that has begun, from 1
	current *Ceremony // of that attempt; nil: it could not be opened
	before  error     // why the attempt before has failed
	failed  *core     // the attempt before, until it is known whether the next one opens
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

// goOn is run once the first attempt is open.
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

// attempt is what a ceremony knows of the run that it belongs to. The zero value is
// that of a ceremony which belongs to none.
type attempt struct {
	number int   // from 1; 0: it belongs to no run
	before error // why the attempt before has failed
	limit  int   // how many there are at most; negative: any number
}

// shown is the number of the attempt in a status and in reports.
func (a attempt) shown() int { return max(a.number, 1) }

// another reports whether another attempt follows a failure.
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

// attemptError is why an attempt has failed that another one follows. Nobody has to do
// what its text asks of nodes that end with their first failure.
type attemptError struct{ err error }

func (e *attemptError) Error() string {
	return strings.ReplaceAll(e.err.Error(), "; "+startAgain, "") + "; this node begins again by itself"
}

func (e *attemptError) Unwrap() error { return e.err }

// open opens the next attempt. If it cannot, the one before was the last.
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
	case c != nil && c.core().isOpened(): // the program has heard of its end
		before.endings.Done()
	default:
		before.handleEnd()
		before.endings.Done()
		r.svc.awaitReports(context.WithoutCancel(ctx), time.Now(), before)
	}
	return r.about(fmt.Errorf("%w; the attempt before: %w", err, r.before))
}

var errNotReturned = errors.New("the run has panicked, or its goroutine has exited")

// take is the attempt that is open, and the pause behind it if another one follows.
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

// leave closes an attempt, and waits for its end unless that is still to be held back.
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

// pause waits before the next attempt, with the failed one still open: members that
// reach this node read why they have to wait. It returns false if there is to be no
// other attempt, because ctx has ended or somebody has closed the ceremony.
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

// about says which attempt an error is about, if there was more than one.
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

// retried reports whether another attempt follows this one, as far as is known. The lock
// is held.
func (c *core) retried() bool {
	return !c.abandoned.Load() && c.attempt.another(c.roster.Failure(), c.err)
}

// settle decides, once, whether another attempt follows one that has failed. If none
// does, the program hears now of the end. Otherwise the end is held back until the
// next attempt is open. It returns whether this call has decided it.
func (c *core) settle(another bool) bool {
	if !c.unsettled() || !c.settled.CompareAndSwap(false, true) {
		return false
	}
	if !another {
		c.abandoned.Store(true)
		c.handleEnd()
		c.endings.Done() // it was added at the failure
	}
	return true
}
