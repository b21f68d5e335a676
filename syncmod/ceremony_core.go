package syncmod

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/mesh"
	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
	"github.com/dkgsync/dkgsync/telemetry"
)

// core is a ceremony with the lock that guards it. It alone calls the rules. Every fact
// comes to it: from the program's calls (this file and ceremony_barriers.go), from the
// streams (ceremony_facts.go) and from its timer. It carries out the effects, and calls
// nothing that blocks.
type core struct {
	svc     *Service
	owner   *Ceremony
	def     Definition
	attempt attempt
	called  []string // the names of the members, as lists show them
	terms   *stream.Terms
	key     crypto.PrivKey // this node's
	clients *stream.CeremonyClients
	report  *telemetry.Ceremony

	announcement atomic.Pointer[stream.Announcement]
	view         atomic.Pointer[stream.View]
	running      atomic.Bool     // Run is running
	addressees   []atomic.Uint64 // by operator index: the session of the process that answers this node
	failed       context.Context // ends with the failure, which is its cause
	setFailed    context.CancelCauseFunc
	done         chan struct{} // closed when complete or failed
	closed       chan struct{} // closed when the ceremony is no longer open
	late         stream.Late

	leaving

	mu sync.Mutex
	state
}

// state is what the lock of a core guards.
type state struct {
	roster  *roster.Roster
	clocks  []clock   // of the members, by operator index
	refused []string  // why a stream of a member was last refused here, by operator index
	opened  time.Time // zero: not open yet

	phase    Phase
	stepName string   // name of the current step
	steps    []string // names of all steps
	passed   []PassedBarrier
	last     *Status   // the status at the moment when the ceremony ended, before its streams end
	since    time.Time // when the current phase and step began
	working  report.Step

	err        error  // why the ceremony failed
	localCause error  // the reason that this node's program gave
	abortText  string // what the others are told about the failure
	ownFault   bool   // a member was not reached because of this node's own host
	goodbyeErr error  // which members did not say goodbye

	mesh      *mesh.Mesh // how the members see each other
	views     [][]Link   // the members' views as statuses show them, by operator index; nil: not made yet
	viewStale bool       // this node's own view may have changed
	viewed    time.Time  // when a view last changed; zero again once watchers know the pairs that this broke

	digest      []byte   // of the attempt that this node is in; nil before barrier 1 is passed
	result      []byte   // what this node attests at the last barrier, nil if nothing; never changed in place
	receipt     *Receipt // what the members have attested, once the last barrier is passed
	stopped     bool     // Close was called
	advancing   bool     // an Advance is waiting
	pendingStep int64    // the step that an Advance has announced, until an Advance has returned it

	released chan struct{} // closed when a wait may be over
	watched  chan struct{} // closed when the status has changed
	timer    *time.Timer
	next     time.Time // when the timer fires
	ruled    time.Time // when the rules next want to know the time
}

// update passes a fact to the rules and carries out the effects. It reads the clock under
// the lock, so that facts come to the rules in the order of their times.
func (c *core) update(fact func(now time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	fact(now)
	c.carryOut(now)
}

// carryOut carries out the effects of the rules. The caller holds the lock; nothing here
// blocks.
func (c *core) carryOut(now time.Time) {
	for c.carryOutNext(now) { // handling an event can tell the rules something new, such as which attempt this is
	}
	c.refreshView(now)
	c.arm(now)
}

func (c *core) carryOutNext(now time.Time) (more bool) {
	effects := c.roster.Effects()
	if f := c.roster.Failure(); f != nil && c.err == nil {
		c.err = explain(c.def, *f, c.localCause)
		c.abortText = abortText(c.def, c.terms.Self, *f, c.err)
		if last := c.roster.Member(f.Culprit).LastError; f.NotReached && last != nil {
			c.unreached(*f, last)
		}
		if f.Kind == roster.ResultMismatch && f.By == c.terms.Self {
			c.abortText, c.err = c.differing()
		}
		if c.attempt.another(f, c.err) {
			c.err = &attemptError{c.err}
		}
	}
	if effects.Announcement != nil {
		c.announcement.Store(c.terms.NewAnnouncement(c.announcementOf(*effects.Announcement), now))
		c.clients.Notify()
	}
	for _, member := range effects.Repeat {
		c.clients.Repeat(member)
	}
	for _, member := range effects.Ask {
		c.clients.Ask(member)
	}
	if effects.EndStreams {
		c.clients.End()
		c.svc.server.half.Reset(c)
	}
	for _, e := range effects.Events {
		c.handle(now, e)
	}
	if phase := Phase(c.roster.Phase()); phase != c.phase {
		c.phase, c.since = phase, now
		if phase >= Complete {
			last := c.status()
			c.last = &last
		}
	}
	if effects.Released {
		broadcast(&c.released)
	}
	if effects.Changed {
		broadcast(&c.watched)
	}
	c.ruled = effects.Next
	return effects.Changed
}

// unreached sets the reason why a member was not reached. Only this node sees it: the
// others are not told the member's addresses. If this node's own host is at fault, the
// others are told that, and nobody blames the member.
func (c *core) unreached(f roster.Failure, last error) {
	if !reason.IsOurs(last) {
		f.Text = last.Error()
		c.err = explain(c.def, f, c.localCause)
		return
	}
	c.ownFault = true
	what := fmt.Sprintf("could not reach %s for %s", operator(f.Culprit, c.def.Peers[f.Culprit]), report.Spell(f.Gone))
	c.err = &cause{sentinel: ErrPeerTimeout, text: fmt.Sprintf("this node %s: %v; %s", what, last, startAgain)}
	self := operator(c.terms.Self, c.def.Peers[c.terms.Self])
	c.abortText = printable(fmt.Sprintf("%s %s because of a limit or a setting of its own host, "+
		"which its log names; %s", self, what, startAgain), maxReason)
}

// announcementOf turns an announcement of the rules into one for the streams.
func (c *core) announcementOf(a roster.Announcement) stream.Announcement {
	said := stream.Announcement{Step: a.Step, Goodbye: a.Goodbye, Until: a.Until}
	if a.Failure != nil {
		said.Abort = c.abortText
		said.Culprit, said.Reporter = c.idOf(a.Culprit), c.idOf(a.Reporter)
		if c.ownFault {
			said.Culprit = c.idOf(c.terms.Self)
		}
	}
	said.Result, said.Attestation = attestationOf(a)
	if a.Step > 1 {
		said.Attempt = c.digest
	}
	return said
}

// idOf returns the peer ID of a member in binary, or nil for no member.
func (c *core) idOf(member int) []byte {
	if member < 0 {
		return nil
	}
	return []byte(c.def.Peers[member].ID)
}

// arm sets the one coarse timer. It fires when the rules want to know the time, and when
// pairs may have become broken.
func (c *core) arm(now time.Time) {
	next := c.ruled
	if at := c.pairsDue(); next.IsZero() || !at.IsZero() && at.Before(next) {
		next = at
	}
	if next.Equal(c.next) || c.isClosed() {
		return
	}
	c.stopTimer()
	c.next = next
	if !next.IsZero() {
		c.timer = time.AfterFunc(next.Sub(now), c.tick)
	}
}

func (c *core) tick() {
	c.update(func(now time.Time) {
		c.next = time.Time{}
		c.showPairs(now)
		c.roster.Tick(now)
	})
}

func (c *core) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

func (c *core) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// register registers the ceremony with its service and begins it. The trace links to the
// caller's span.
func (c *core) register(caller trace.SpanContext) (opened time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
		return time.Time{}, errClosedBefore
	case c.err != nil:
		return time.Time{}, abortedBefore(c.err)
	}
	if err := c.svc.add(c); err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	c.opened, c.since = now, now
	c.report.Opened(caller, now)
	c.roster.Open(now)
	c.carryOut(now)
	return now, nil
}

// stop notes that the ceremony is being closed, and fails it unless it is too late for
// that.
func (c *core) stop() {
	c.update(func(now time.Time) {
		c.stopped = true
		c.failAs(now, roster.Stopped, ErrStopped)
	})
}

// fail fails the ceremony because of this node, not because of a member. It makes the
// text of the reason before it takes the lock: the reason may be of one of the program's
// own types, and its Error method may call anything.
func (c *core) fail(kind roster.Kind, reason error) {
	reason = &shownError{text: fmt.Sprint(reason), err: reason}
	c.update(func(now time.Time) { c.failAs(now, kind, reason) })
}

func (c *core) failAs(now time.Time, kind roster.Kind, reason error) {
	self := c.terms.Self
	if c.roster.Fail(now, roster.Failure{Kind: kind, Culprit: self, By: self, Reporter: -1}) {
		c.localCause = reason
	}
}

// close marks the ceremony as no longer open: nothing can join it after that.
func (c *core) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.closed)
	c.stopTimer()
}

// finish ends the goodbyes.
func (c *core) finish(goodbyeErr error) {
	c.update(func(now time.Time) {
		if c.roster.Phase() != roster.Complete { // otherwise Complete or Close has already finished it
			c.goodbyeErr = goodbyeErr
		}
		c.roster.Finish(now)
	})
}

// failure returns why the ceremony failed, or nil if it has not failed.
func (c *core) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// isStopped reports whether the ceremony has failed because it was closed.
func (c *core) isStopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.roster.Failure()
	return f != nil && f.Kind == roster.Stopped
}

// isOpened reports whether the ceremony has ever been open.
func (c *core) isOpened() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.opened.IsZero()
}

// sayingGoodbye reports whether the last barrier is passed.
func (c *core) sayingGoodbye() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roster.SayingGoodbye()
}

// end does what completion and failure have in common.
func (c *core) end(now time.Time) {
	close(c.done)
	if c.opened.IsZero() {
		return // it never began, so there is nothing to report
	}
	o := report.End{
		Outcome: report.OutcomeComplete, Step: c.roster.Step(), Started: c.opened, Ended: now,
		Err: c.err, GoodbyeErr: c.goodbyeErr,
	}
	for i := range c.def.Peers {
		o.Reconnects += c.roster.Member(i).Reconnects
	}
	if f := c.roster.Failure(); f != nil {
		o.Outcome, o.Type = report.OutcomeFailed, kindOf(f.Kind).errorType
		if f.Kind == roster.Stopped {
			o.Outcome = report.OutcomeStopped
		}
	}
	c.report.End(o)
	if c.attempt.another(c.roster.Failure(), c.err) {
		c.endings.Add(1) // undone by settle if no other attempt follows, otherwise by attempts.open
		return
	}
	c.handleEnd()
}

// broadcast wakes everyone who waits on a channel that listen made.
func broadcast(ch *chan struct{}) {
	if *ch != nil {
		close(*ch)
		*ch = nil
	}
}

// listen returns the channel to wait on.
func listen(ch *chan struct{}) <-chan struct{} {
	if *ch == nil {
		*ch = make(chan struct{})
	}
	return *ch
}
