package refpeer

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how often a waiter looks.
const pollEvery = time.Millisecond

// AwaitConnected waits until every member has had a request accepted here, and
// has answered one.
func (p *Peer) AwaitConnected(ctx context.Context) error {
	return p.poll(ctx, func() (bool, error) {
		for _, m := range p.members {
			if !m.connected || !m.answered {
				return false, nil
			}
		}
		return true, nil
	})
}

// SetStep announces a step: at the next tick, and whatever step that is.
func (p *Peer) SetStep(step int64) { p.set(func() { p.step = step }) }

// AwaitStep waits until every member is at a step or at the next one. A member
// that is further has left this peer behind.
func (p *Peer) AwaitStep(ctx context.Context, step int64) error {
	return p.poll(ctx, func() (bool, error) {
		there := true
		for id, m := range p.members {
			if m.seen && m.step >= step+2 {
				return false, fmt.Errorf("%w: %s is at step %d already, and not at %d", ErrLeftBehind, id, m.step, step)
			}
			there = there && m.seen && m.step >= step
		}
		return there, nil
	})
}

// Advance announces the next step, and waits for everyone.
func (p *Peer) Advance(ctx context.Context) error {
	var step int64
	p.set(func() {
		p.step++
		step = p.step
	})
	return p.AwaitStep(ctx, step)
}

// Shutdown says goodbye to every member, once the last barrier has been passed:
// it waits until each has answered, or could not be reached any more, and has
// said its own goodbye.
func (p *Peer) Shutdown(ctx context.Context) error {
	p.set(func() { p.leaving = true })
	return p.poll(ctx, func() (bool, error) {
		for _, m := range p.members {
			if !m.left || !m.done {
				return false, nil
			}
		}
		return true, nil
	})
}

// Run takes part in a whole ceremony: it connects, passes the barriers of so many
// steps and the last one, and says goodbye.
func (p *Peer) Run(ctx context.Context, steps int) error {
	if err := p.AwaitConnected(ctx); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	for range steps + 1 {
		if err := p.Advance(ctx); err != nil {
			return fmt.Errorf("barrier: %w", err)
		}
	}
	if err := p.Shutdown(ctx); err != nil {
		return fmt.Errorf("goodbyes: %w", err)
	}
	return nil
}

// Failure waits until the peer has failed, and returns why; nil when ctx has ended
// before.
func (p *Peer) Failure(ctx context.Context) error {
	err := p.poll(ctx, func() (bool, error) { return false, nil })
	if p.Err() == nil {
		return nil
	}
	return err
}

// poll looks until something is so, the peer has failed, or ctx has ended. It
// looks while it holds the peer's lock.
func (p *Peer) poll(ctx context.Context, look func() (bool, error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		p.mu.Lock()
		so, err := look()
		if p.err == nil && !p.leaving {
			p.err = err
		}
		failed := p.err
		p.mu.Unlock()
		switch {
		case failed != nil:
			return failed
		case so:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ctx.Done():
			return ErrClosed
		case <-ticker.C:
		}
	}
}
