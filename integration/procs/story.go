package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	passed = "everyone is ready to begin step 1"    // a node says it when all have arrived at a step's barrier
	stored = "the share and the receipt are stored" // and this when the ceremony is complete

	// grace is how long nodes may go on once one of them has ended or is complete: they
	// may wait for somebody who will not come again.
	grace = 3 * time.Second
	// endTimeout is how long nodes may take to end once they were asked to.
	endTimeout = 30 * time.Second
)

// story is what happens to a ceremony.
type story struct {
	late time.Duration // by how much the last member is late
	kill int           // operator index of the member whose process is killed and started again, -1: none
}

// play runs a ceremony in which this happens, until no node runs any more, and checks
// that all have shares of one key.
func (c *cluster) play(ctx context.Context, s story) error {
	if err := c.begin(ctx, s.late); err != nil {
		return err
	}
	if s.kill < 0 {
		return errors.Join(c.finish(ctx), c.check(ctx))
	}
	victim := c.members[s.kill]
	if _, err := victim.process.said.wait(ctx, passed); err != nil {
		return err
	}
	if err := c.restart(ctx, victim); err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	return errors.Join(c.mend(ctx), c.check(ctx))
}

// begin makes the files, and starts the relay and all nodes.
func (c *cluster) begin(ctx context.Context, late time.Duration) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.startRelay(ctx); err != nil {
		return err
	}
	last := len(c.members) - 1
	if err := c.startNodes(ctx, c.members[:last]); err != nil {
		return err
	}
	if late > 0 {
		c.tell("%s is late", c.members[last].name)
		select {
		case <-time.After(late):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return c.startNodes(ctx, c.members[last:])
}

func (c *cluster) startNodes(ctx context.Context, members []*member) error {
	for _, m := range members {
		if err := c.startNode(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// restart kills the process of a member and starts another.
func (c *cluster) restart(ctx context.Context, m *member) error {
	c.kill(m.process)
	return c.startNode(ctx, m)
}

// kill kills a process, and returns when it is gone.
func (c *cluster) kill(p *process) {
	c.tell("$ kill -9 %s", p.name)
	p.kill()
	<-p.over
}

// finish waits until every node has completed the ceremony.
func (c *cluster) finish(ctx context.Context) error {
	for _, m := range c.members {
		switch code, err := m.process.exit(ctx); {
		case err != nil:
			return err
		case code != 0:
			return fmt.Errorf("%s ended with exit code %d", m.name, code)
		}
	}
	return nil
}

// settle waits until the nodes have ended. Those that go on when another has ended, or
// is complete, are ended after some time.
func (c *cluster) settle(ctx context.Context) error {
	first, over := make(chan struct{}, len(c.members)), make(chan struct{}, len(c.members))
	for _, m := range c.members {
		go func(p *process) {
			_, _ = p.said.wait(ctx, stored) // or its end
			first <- struct{}{}
			<-p.over
			over <- struct{}{}
		}(m.process)
	}
	select {
	case <-first:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the nodes to end: %w", context.Cause(ctx))
	}
	enough := time.After(grace)
	for range c.members {
		select {
		case <-over:
		case <-enough:
			return c.interrupt(ctx)
		}
	}
	return nil
}

// interrupt ends the nodes that still run, as their operators would.
func (c *cluster) interrupt(ctx context.Context) error {
	for _, m := range c.members {
		if !m.process.hasEnded() {
			c.tell("$ kill %s", m.name)
			m.process.ask()
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, endTimeout, errors.New("it goes on although it was asked to end"))
	defer cancel()
	for _, m := range c.members {
		if _, err := m.process.exit(ctx); err != nil {
			return err
		}
	}
	return nil
}
