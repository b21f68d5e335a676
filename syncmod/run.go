package syncmod

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stopGrace bounds how long a cancelled Run takes to leave.
const stopGrace = time.Second

// Step is one phase of what the members do together.
type Step struct {
	// Name is for people: it shows in the status, in logs and in spans.
	Name string
	// Run does this node's work. Its context ends when the ceremony fails; an
	// error fails the ceremony for everyone.
	Run func(context.Context) error
}

// Run is a whole ceremony: it waits until everyone is connected; then, for each
// step, it waits until everyone has reached it and does its work; then it
// completes. It returns nil once the ceremony is complete, even if some goodbyes
// are missing, and otherwise the failure. When ctx ends, Run closes the ceremony as
// [Ceremony.Close] does, and its error says whom it was waiting for.
func (c *Ceremony) Run(ctx context.Context, steps ...Step) error {
	err := c.run(ctx, steps)
	if err == nil {
		return nil
	}
	if failure := c.Err(); failure != nil {
		return failure
	}
	if ctx.Err() == nil && !isWait(err) {
		return err
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	closed := c.Close(leaving)
	switch failure := c.Err(); {
	case failure == nil:
		return nil // the last barrier was passed
	case closed != nil:
		return fmt.Errorf("%w: %w; %w", failure, err, closed)
	default:
		return fmt.Errorf("%w: %w", failure, err)
	}
}

func (c *Ceremony) run(ctx context.Context, steps []Step) error {
	if err := c.AwaitConnected(ctx); err != nil {
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
		return err // a cancelled context: the goodbyes go on while Run closes
	}
	c.core.finish(err) // which says in the log who did not say goodbye
	return nil
}

// work does this node's part of a step.
func (c *Ceremony) work(parent context.Context, step Step) error {
	if step.Run == nil {
		return nil
	}
	ctx, cancel := c.Context(parent)
	defer cancel()
	err := step.Run(ctx)
	if err == nil || parent.Err() != nil {
		return err
	}
	if step.Name == "" {
		step.Name = fmt.Sprint(c.Status().Step)
	}
	c.Abort(fmt.Errorf("step %q: %w", step.Name, err))
	return c.Err()
}

// isWait reports whether an error is the end of a wait by its context.
func isWait(err error) bool {
	var wait *WaitError
	return errors.As(err, &wait)
}
