package syncmod

import (
	"context"
	"crypto/rand"
	"encoding/binary"
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

// lastWords is how long Close lets the last frame of a stream arrive.
const lastWords = 500 * time.Millisecond

// Ceremony is one run of one definition on this node. [Service.Open] makes it,
// or fx does, from the Definition in the graph.
//
// Its calls are either about the barriers ([Ceremony.AwaitConnected],
// [Ceremony.Advance], [Ceremony.Complete], or [Ceremony.Run] for all of it),
// about the end ([Ceremony.Abort], [Ceremony.Close], [Ceremony.Done],
// [Ceremony.Err], [Ceremony.Context]), or for looking on ([Ceremony.Status],
// [Ceremony.Watch]). All are safe for concurrent use.
type Ceremony struct {
	svc  *Service
	core *core

	opening   sync.Mutex // held while the ceremony is being opened
	closeOnce sync.Once
	endings   sync.WaitGroup // the functions that are called at its end
	leftOnce  sync.Once
	left      time.Time     // when its last stream had ended
	ended     chan struct{} // closed when it is left and the endings are over
}

func newCeremony(s *Service, d Definition) (*Ceremony, error) {
	self, err := d.validate(s.host.ID())
	if err != nil {
		return nil, err
	}
	key := s.host.Peerstore().PrivKey(s.host.ID())
	if key == nil {
		return nil, invalid("host", "its peerstore has no private key of its own to sign the definition with")
	}
	d = d.clone()
	signature, err := key.Sign(d.Hash)
	if err != nil {
		return nil, fmt.Errorf("signing the definition hash: %w", err)
	}
	c, session := &Ceremony{svc: s, ended: make(chan struct{})}, newSession()
	c.core = &core{
		svc: s, owner: c, def: d, addressees: make([]atomic.Uint64, len(d.Peers)), called: d.called(),
		done: make(chan struct{}), closed: make(chan struct{}),
		terms: stream.NewTerms(stream.Terms{
			Hash: d.Hash, Members: d.addrInfos(), Self: self, Session: session, Signature: signature,
			Version: s.cfg.Version, Nickname: s.cfg.Nickname,
		}),
		state: state{
			since: time.Now(), clocks: make([]clock, len(d.Peers)), refused: make([]string, len(d.Peers)),
			roster: roster.New(time.Now(), roster.Config{
				Members: len(d.Peers), Self: self, Version: s.version, VersionText: s.cfg.Version,
				PeerTimeout: s.cfg.PeerTimeout, Session: session,
			}),
		},
	}
	c.core.failed, c.core.setFailed = context.WithCancelCause(context.Background())
	c.core.announcement.Store(&stream.Announcement{})
	c.core.clients = s.clients.half.Of(c.core)
	c.core.report = s.telemetry.Ceremony(d.info(self), c.core.snapshot)
	return c, nil
}

// newSession draws a session number: random, and never 0, which is no session.
func newSession() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// open begins the ceremony on a running service. The ceremony's trace links to the
// span in the context, which serves for nothing else.
func (c *Ceremony) open(caller context.Context) error {
	c.opening.Lock()
	err := c.begin(caller)
	c.opening.Unlock()
	if err != nil && c.core.isOpened() {
		return errors.Join(err, c.Close(context.Background()))
	}
	return err
}

var errClosedBefore = fmt.Errorf("opening a ceremony that was closed: %w: open its definition again", ErrStopped)

func abortedBefore(why error) error {
	return fmt.Errorf("opening a ceremony that was aborted before: %w", why)
}

func (c *Ceremony) begin(caller context.Context) error {
	opened, err := c.core.open(trace.SpanContextFromContext(caller))
	if err != nil {
		return err
	}
	for _, p := range c.others() {
		c.svc.addrs.add(p.ID, p.Addrs)
	}
	if err := c.core.clients.Start(opened); err != nil {
		return fmt.Errorf("opening a ceremony: %w: %w", ErrStopped, err)
	}
	return nil
}

func (c *Ceremony) others() []Peer {
	self := c.core.terms.Self
	return append(c.core.def.Peers[:self:self], c.core.def.Peers[self+1:]...)
}

// handleEnd does what a program has asked for at the end of a ceremony. Each
// callback has a goroutine of its own: none waits for another, or for a report.
func (c *Ceremony) handleEnd() {
	for _, f := range c.svc.onEnd {
		c.endings.Go(func() {
			defer c.svc.recovering("at the end of a ceremony")
			f(c)
		})
	}
}

// Abort fails the ceremony for a reason of this node's own, and tells everyone.
// It returns at once. The others are told the reason as text: at most 256 bytes,
// without file paths and without what looks like a key. It does nothing when the
// ceremony has failed already, or has passed its last barrier.
func (c *Ceremony) Abort(reason error) {
	if reason == nil {
		reason = errors.New("no reason given")
	}
	c.core.fail(roster.Aborted, reason)
}

// Close leaves the ceremony and ends its streams. Before step 1 nobody is told,
// and the others go on waiting for this node; afterwards it is an Abort with
// ErrStopped; after the last barrier the goodbyes come first. It waits for
// everything that the ceremony has started, until ctx ends, and at most 500 ms for
// its reports and the functions of [OnEnd]. Closing twice does nothing.
func (c *Ceremony) Close(ctx context.Context) error {
	began, err := c.leave(ctx)
	c.svc.awaitReports(ctx, began, c)
	return err
}

// leave is Close without waiting for reports. It returns when it began, not
// counting the goodbyes, which may take as long as they need.
func (c *Ceremony) leave(ctx context.Context) (began time.Time, err error) {
	began = time.Now()
	c.core.stop() // does nothing after the last barrier
	grace := lastWords
	if c.core.sayingGoodbye() {
		c.sayGoodbye(ctx)
		began = time.Now()
	} else if until := c.core.Announcement().Until; until.After(began) {
		c.awaitTold(ctx, until)
		grace = min(grace, time.Until(until))
	}
	c.closeOnce.Do(func() {
		c.opening.Lock() // what is being opened is opened first, and then closed
		defer c.opening.Unlock()
		c.core.close()
		c.svc.remove(c)
		if !c.core.isOpened() {
			return
		}
		for _, p := range c.others() {
			c.svc.addrs.remove(p.ID, p.Addrs)
		}
	})
	c.core.clients.End()
	err = c.svc.server.half.Close(ctx, c.core, grace)
	if err == nil {
		err = c.core.clients.Wait(ctx)
	}
	c.leftOnce.Do(func() {
		c.core.report.Closed()
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
		member := operator(stuck.Member, c.core.def.Peers[stuck.Member])
		err = fmt.Errorf("closing the ceremony: the stream %s %s has not ended: %w", direction, member, stuck.Err)
	}
	return began, err
}

// awaitEndings waits until the functions that are called at the end of a ceremony
// have returned, until ctx ends. It gives up [telemetry.FlushLimit] after the
// ceremony was left, however often it is called.
func (c *Ceremony) awaitEndings(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, c.left.Add(telemetry.FlushLimit))
	defer cancel()
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
}

// sayGoodbye waits for the goodbyes: for GoodbyeTimeout, and for half of the
// time that ctx has left. The rest is for ending what a mute member leaves open.
func (c *Ceremony) sayGoodbye(ctx context.Context) {
	patience := c.svc.cfg.GoodbyeTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.core.await(ctx, roster.ShutdownBarrier()); err != nil {
		c.core.finish(err)
	}
}

// awaitTold waits until every client has told the failure and every server has
// answered with it, or the time for it is over.
func (c *Ceremony) awaitTold(ctx context.Context, until time.Time) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	_ = c.core.clients.Wait(ctx)
	_ = c.svc.server.half.Wait(ctx, c.core)
}

// Definition returns the ceremony's definition.
func (c *Ceremony) Definition() Definition { return c.core.def.clone() }

// Done is closed when the ceremony is complete or has failed.
func (c *Ceremony) Done() <-chan struct{} { return c.core.done }

// Err returns why the ceremony has failed, and nil while it has not.
func (c *Ceremony) Err() error { return c.core.failure() }

// Context returns a context that ends with parent, and with the failure of the
// ceremony, which is then its cause ([context.Cause]). It does not end when the
// ceremony completes. Cancel releases what it holds.
func (c *Ceremony) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	failed := c.core.failed
	stop := context.AfterFunc(failed, func() { cancel(context.Cause(failed)) })
	if failed.Err() != nil {
		cancel(context.Cause(failed))
	}
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}
