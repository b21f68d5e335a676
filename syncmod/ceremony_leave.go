package syncmod

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
	"github.com/dkgsync/dkgsync/telemetry"
)

// This file opens and leaves a ceremony.

// lastWords is how long Close waits for the last frame of a stream to arrive. The
// streams themselves wait no longer than that either: package stream has a constant
// with the same name and value.
const lastWords = 500 * time.Millisecond

// leaving holds the state that opening and leaving a ceremony need in addition to
// the state that its lock guards.
type leaving struct {
	opening   sync.Mutex // held while the ceremony is being opened
	closeOnce sync.Once
	endings   sync.WaitGroup // the functions that are called at its end
	settled   atomic.Bool    // after a failure: it has been decided whether another attempt follows
	abandoned atomic.Bool    // after a failure: no other attempt follows
	leftOnce  sync.Once
	left      time.Time     // when its last stream ended
	ended     chan struct{} // closed when the ceremony has been left and the endings are over
}

// open begins the ceremony on a running service. The ceremony's trace links to the
// span in the context. The context has no other use.
func (c *core) open(caller context.Context) error {
	c.opening.Lock()
	err := c.begin(caller)
	c.opening.Unlock()
	if err != nil && c.isOpened() {
		return errors.Join(err, c.leaveAndReport(context.Background()))
	}
	return err
}

var errClosedBefore = fmt.Errorf("opening a ceremony that was closed: %w: open its definition again", ErrStopped)

func abortedBefore(why error) error {
	return fmt.Errorf("opening a ceremony that was aborted before: %w", why)
}

func (c *core) begin(caller context.Context) error {
	opened, err := c.register(trace.SpanContextFromContext(caller))
	if err != nil {
		return err
	}
	for _, p := range c.others() {
		c.svc.addrs.add(p.ID, p.Addrs)
		c.svc.host.ConnManager().Protect(p.ID, c.tag())
	}
	if err := c.clients.Start(opened); err != nil {
		return fmt.Errorf("opening a ceremony: %w: %w", ErrStopped, err)
	}
	return nil
}

// tag names this ceremony for the host's connection manager. The manager does not
// count tags, so each ceremony has its own.
func (c *core) tag() string { return fmt.Sprintf("%s/%x", ServiceName, c.terms.Session) }

func (c *core) unprotect() {
	for _, p := range c.others() {
		c.svc.host.ConnManager().Unprotect(p.ID, c.tag())
	}
}

func (c *core) others() []Peer {
	self := c.terms.Self
	return append(c.def.Peers[:self:self], c.def.Peers[self+1:]...)
}

// handleEnd calls the functions that the program wants to be called at the end of
// a ceremony. Each has a separate goroutine, and so waits for no other function
// and no report.
func (c *core) handleEnd() {
	for _, f := range c.svc.onEnd {
		c.endings.Go(func() {
			defer c.svc.recovering("at the end of a ceremony")
			f(c.owner)
		})
	}
}

// leaveAndReport implements [Ceremony.Close].
func (c *core) leaveAndReport(ctx context.Context) error {
	began, err := c.leave(ctx)
	c.svc.awaitReports(ctx, began, c)
	return err
}

// leave is Close without the wait for reports. It returns the time at which leaving
// began. If there were goodbyes, that is the time after them, because goodbyes can
// take any amount of time.
func (c *core) leave(ctx context.Context) (began time.Time, err error) {
	began = time.Now()
	if c.terms.Observes {
		c.disconnect(ctx)
	}
	c.stop() // fails nothing after the last barrier
	c.settle(false)
	grace := lastWords
	if c.sayingGoodbye() {
		c.sayGoodbye(ctx)
		began = time.Now()
	} else if until := c.Announcement().Until; until.After(began) {
		c.awaitTold(ctx, until)
		grace = min(grace, time.Until(until))
	}
	c.closeOnce.Do(func() {
		c.opening.Lock() // an open that is under way finishes first
		defer c.opening.Unlock()
		c.close()
		c.svc.remove(c)
		if !c.isOpened() {
			return
		}
		for _, p := range c.others() {
			c.svc.addrs.remove(p.ID, p.Addrs)
		}
	})
	c.clients.End()
	err = c.svc.server.half.Close(ctx, c, grace)
	if err == nil {
		err = c.clients.Wait(ctx)
	}
	c.leftOnce.Do(func() {
		c.unprotect()
		c.report.Closed()
		c.left = time.Now()
		go func() {
			c.endings.Wait()
			close(c.ended)
		}()
	})
	if stuck, ok := errors.AsType[*stream.StuckError](err); ok {
		direction := "to"
		if stuck.Inbound {
			direction = "of"
		}
		member := operator(stuck.Member, c.def.Peers[stuck.Member])
		err = fmt.Errorf("closing the ceremony: the stream %s %s has not ended: %w", direction, member, stuck.Err)
	}
	return began, err
}

// awaitEndings waits until the functions that are called at the end of a ceremony
// have returned, or ctx ends. It stops waiting when [telemetry.FlushLimit] has
// passed since the ceremony was left, no matter how often it is called.
func (c *core) awaitEndings(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, c.left.Add(telemetry.FlushLimit))
	defer cancel()
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
}

// sayGoodbye waits for the goodbyes: at most GoodbyeTimeout, and at most half of
// the time that ctx has left. The other half is for ending the streams that a
// silent member leaves open.
func (c *core) sayGoodbye(ctx context.Context) {
	patience := c.svc.cfg.GoodbyeTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.await(ctx, roster.ShutdownBarrier()); err != nil {
		c.finish(err)
	}
}

// awaitTold waits until every client has told its member about the failure and
// every handler of an inbound stream has answered with the failure, or until the
// time for that is over.
func (c *core) awaitTold(ctx context.Context, until time.Time) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	_ = c.clients.Wait(ctx)
	_ = c.svc.server.half.Wait(ctx, c)
}
