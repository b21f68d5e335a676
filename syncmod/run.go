package syncmod

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// stopGrace limits the time that a cancelled Run takes to leave.
const stopGrace = time.Second

// Step is one part of the members' work.
type Step struct {
	// Name is for people: statuses, logs and spans show it.
	Name string
	// Run does this node's work. Its context ends when the ceremony fails. An error
	// that Run returns fails the ceremony for everyone.
	Run func(context.Context) error
}

// Run runs a whole ceremony. It waits until every member is connected. For each step
// it waits until every member has reached the step, and then does the step's work.
// Then it completes the ceremony. Run returns nil once the ceremony is complete,
// even if some goodbyes are missing, and otherwise the failure. When ctx ends, Run
// closes the ceremony as [Ceremony.Close] does, and its error says which members it
// was waiting for. A second Run at the same time returns an [ErrInvalid].
func (c *Ceremony) Run(ctx context.Context, steps ...Step) error {
	run, err := c.taking("Run")
	if err != nil {
		return err
	}
	return run.run(ctx, steps)
}

func (c *core) run(ctx context.Context, steps []Step) error {
	if !c.running.CompareAndSwap(false, true) {
		return invalid("Run", "this ceremony is already being run, by another Run or by RunSteps: "+
			"run it only once at a time")
	}
	defer c.running.Store(false)
	err := c.runSteps(ctx, steps)
	if err == nil {
		return nil
	}
	if failure := c.failure(); failure != nil {
		return failure
	}
	if ctx.Err() == nil && !isWait(err) {
		return err
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	closed := c.leaveAndReport(leaving)
	switch failure := c.failure(); {
	case failure == nil:
		return nil // the last barrier was passed
	case closed != nil:
		return fmt.Errorf("%w: %w; %w", failure, err, closed)
	default:
		return fmt.Errorf("%w: %w", failure, err)
	}
}

func (c *core) runSteps(ctx context.Context, steps []Step) error {
	c.nameSteps(steps)
	if err := c.awaitConnected(ctx); err != nil {
		return err
	}
	for _, step := range steps {
		if _, err := c.advance(ctx, step.Name); err != nil {
			return err
		}
		if err := c.work(ctx, step); err != nil {
			return err
		}
	}
	if err := c.lastBarrier(ctx); err != nil {
		return err
	}
	err := c.awaitGoodbyes(ctx)
	if err == nil || ctx.Err() != nil {
		return err // the context was cancelled: the goodbyes go on while Run closes
	}
	c.finish(err) // the log then says who did not say goodbye
	return nil
}

// nameSteps notes the names of the steps, if any step has a name.
func (c *core) nameSteps(steps []Step) {
	names, named := make([]string, len(steps)), false
	for i, step := range steps {
		names[i] = step.Name
		named = named || step.Name != ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.steps = nil; named {
		c.steps = names
	}
}

// work does this node's part of a step.
func (c *core) work(parent context.Context, step Step) error {
	if step.Run == nil {
		return nil
	}
	if step.Name == "" {
		step.Name = fmt.Sprint(c.statusNow().Step)
	}
	ctx, cancel := c.context(parent)
	defer cancel()
	defer c.watchStep(ctx, step.Name)()
	err := step.Run(ctx)
	if err == nil || parent.Err() != nil {
		return err
	}
	c.fail(roster.Aborted, fmt.Errorf("step %q: %w", step.Name, orNoReason(err)))
	return c.failure()
}

// stepNotice is how often the log mentions a step that does not end with its
// context.
const stepNotice = 5 * time.Second

// watchStep logs which step holds up the end of a run because it ignores its
// context.
func (c *core) watchStep(ctx context.Context, name string) (returned func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		ended, again := time.Now(), time.NewTicker(stepNotice)
		defer again.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-again.C:
				c.svc.telemetry.Notice(now, logrus.WarnLevel, fmt.Sprintf(
					"step %q is still running %s after its context ended: this node waits until it returns",
					name, now.Sub(ended).Round(time.Second)))
			}
		}
	})
	return func() {
		stop()
		close(done)
	}
}

// isWait reports whether an error comes from a wait that ended with its context.
func isWait(err error) bool {
	var wait *WaitError
	return errors.As(err, &wait)
}
