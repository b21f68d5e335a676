package refpeer

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how often a waiter looks.
const pollEvery = time.Millisecond

// AwaitConnected waits until this peer has accepted a request of every member, and
// every member has answered one of its requests.
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

// SetStep sets the step that the clients announce from the next tick on. It accepts any step.
func (p *Peer) SetStep(step int64) { p.set(func() { p.step = step }) }

// AwaitStep waits until every member is at the step or the next one. It fails if a member
// is further ahead, because that member has left this peer behind.
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

// Advance announces the next step and waits for everyone.
func (p *Peer) Advance(ctx context.Context) error {
	var step int64
	p.set(func() {
		p.step++
		step = p.step
	})
	return p.AwaitStep(ctx, step)
}

// Shutdown says goodbye to every member once the last barrier is passed. It waits until
// each member has said its own goodbye, and has either answered or can no longer be
// reached.
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

// Run takes part in a whole ceremony: it connects, passes the barriers of the steps and
// the last barrier, and says goodbye.
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

// Failure waits until the peer has failed, and returns the error. It returns nil if ctx
// ends first.
func (p *Peer) Failure(ctx context.Context) error {
	err := p.poll(ctx, func() (bool, error) { return false, nil })
	if p.Err() == nil {
		return nil
	}
	return err
}

// poll calls look until it returns true, the peer has failed, or ctx has ended. It
// holds the peer's lock during each call.
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
