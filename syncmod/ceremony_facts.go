package syncmod

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
	"github.com/dkgsync/dkgsync/telemetry"
)

// This file implements stream.Ceremony: the ceremony as its streams see it.

// Terms implements stream.Ceremony.
func (c *core) Terms() *stream.Terms { return c.terms }

// Announcement implements stream.Ceremony.
func (c *core) Announcement() *stream.Announcement { return c.announcement.Load() }

// Late implements stream.Ceremony.
func (c *core) Late() *stream.Late { return &c.late }

// Closed implements stream.Ceremony.
func (c *core) Closed() <-chan struct{} { return c.closed }

// Awaits implements stream.Ceremony.
func (c *core) Awaits(member int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.roster.Phase() {
	case roster.Failed:
		return true // the member is told that the ceremony has failed
	case roster.Connecting:
		return !c.roster.Member(member).Inbound
	case roster.Running, roster.Completing, roster.Complete:
	}
	return false
}

// Told implements stream.Ceremony.
func (c *core) Told(member int) <-chan struct{} { return c.clients.Told(member) }

// Broken implements stream.Ceremony.
func (c *core) Broken(err error) { c.fail(roster.Aborted, err) }

// HostClosed implements stream.Ceremony.
func (c *core) HostClosed() { c.fail(roster.HostClosed, ErrHostClosed) }

// Refused implements stream.Ceremony.
func (c *core) Refused(member int, why error) {
	refused := c.refusalOf(why)
	c.update(func(now time.Time) {
		c.roster.Refused(member, refused)
		// Only when the reason changes: the member opens another stream at once, which is refused again.
		if c.refused[member] != refused.text {
			c.refused[member] = refused.text
			c.report.Refused(member, now, refused)
		}
	})
}

// Reached implements stream.Ceremony.
func (c *core) Reached(a stream.Attempts) { c.report.Connect(c.connect(a)) }

// StillUnreached implements stream.Ceremony.
func (c *core) StillUnreached(a stream.Attempts, how stream.Report) {
	o := c.connect(a)
	o.Err, o.Type = c.lossOf(a.Why), report.TypeDialFailed
	o.Over, o.Again = how == stream.ReportOver, how == stream.ReportAgain
	c.report.Connect(o)
}

func (c *core) connect(a stream.Attempts) report.Connect {
	o := report.Connect{
		Peer: a.Member, Started: a.From, Ended: a.Until, Since: a.Since,
		Attempts: a.Count, Relayed: a.Relayed, Reason: a.Lost,
	}
	if a.Before != nil {
		o.Lost = a.Before
	}
	return o
}

// Unreached implements stream.Ceremony.
func (c *core) Unreached(member int, why stream.End) {
	loss := c.lossOf(why)
	c.update(func(time.Time) { c.roster.Attempt(member, loss) })
}

// Inbound implements stream.Ceremony.
func (c *core) Inbound(o stream.Opening) (stream.InboundFacts, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		return nil, false
	}
	return &inboundFacts{core: c, member: o.Member, id: o.ID, report: c.report.Stream(report.StreamStart{
		Peer: o.Member, Inbound: true, Relayed: o.Relayed, At: o.At,
	})}, true
}

// Outbound implements stream.Ceremony.
func (c *core) Outbound(o stream.Opening) stream.OutboundFacts {
	f := &outboundFacts{core: c, member: o.Member, id: o.ID}
	c.update(func(time.Time) {
		f.report = c.report.Stream(report.StreamStart{Peer: o.Member, Relayed: o.Relayed, At: o.At})
		c.roster.OutboundOpened(o.Member, o.ID, o.Relayed)
		c.viewStale = true // the stream may be direct now
	})
	return f
}

// noteAddressee notes which process of a member answers this node. The caller
// holds the lock.
func (c *core) noteAddressee(member int) { c.addressees[member].Store(c.roster.Member(member).Session) }

// inboundFacts passes on the facts of one stream that a member has opened.
type inboundFacts struct {
	core   *core
	member int
	id     roster.StreamID
	report *telemetry.Stream
}

// Request implements stream.InboundFacts.
func (f *inboundFacts) Request(q roster.Request, ahead stream.Ahead) (verdict roster.Verdict) {
	q.Abort = printable(q.Abort, maxReason)
	f.core.update(func(now time.Time) {
		f.core.noteClock(now, f.member, ahead)
		verdict = f.core.roster.Request(now, f.member, f.id, q)
		f.core.noteAddressee(f.member)
		switch verdict.Action {
		case roster.Refuse:
			f.core.report.Rejected(f.member, now, kindOf(verdict.Cause.Kind).errorType)
		case roster.Drop:
			f.core.report.Rejected(f.member, now, report.TypeOther)
		case roster.Accept, roster.AcceptLast, roster.Greet, roster.Hold, roster.Supersede, roster.Decline,
			roster.Ignore:
		}
	})
	return verdict
}

// Repeated implements stream.InboundFacts.
func (f *inboundFacts) Repeated(ahead stream.Ahead) bool {
	f.core.mu.Lock()
	defer f.core.mu.Unlock()
	now := time.Now()
	f.core.noteClock(now, f.member, ahead)
	return f.core.roster.Repeated(now, f.member, f.id)
}

// Refusal implements stream.InboundFacts.
func (f *inboundFacts) Refusal(cause *roster.Failure) (text string, err error) {
	c := f.core
	c.mu.Lock()
	defer c.mu.Unlock()
	if cause == c.roster.Failure() {
		return c.abortText, nil // it is reported as the end of the ceremony
	}
	err = explain(c.def, *cause, nil)
	return abortText(c.def, c.terms.Self, *cause, err), err
}

// Waiting implements stream.InboundFacts.
func (f *inboundFacts) Waiting(v roster.Verdict) (text string) {
	switch {
	case v.Waiting != nil:
		f.core.mu.Lock()
		defer f.core.mu.Unlock()
		return printable("its attempt has failed: "+f.core.abortText, maxReason)
	case v.Over:
		return "its attempt is complete, but not closed yet"
	case v.Observes:
		return "it only looks at the ceremony, and does not take part yet"
	case v.KeyInUse:
		return "another process with this node's key takes part there: stop one of them"
	}
	return ""
}

// Link implements stream.InboundFacts.
func (f *inboundFacts) Link(traceparent string) {
	if traceparent != "" {
		f.report.Link(traceparent)
	}
}

// Answered implements stream.InboundFacts.
func (f *inboundFacts) Answered() { f.report.Message() }

// Down implements stream.InboundFacts.
func (f *inboundFacts) Down(end stream.End) {
	ended := streamEnd(end)
	f.core.update(func(now time.Time) {
		f.core.roster.InboundDown(now, f.member, f.id)
		f.report.End(ended)
	})
}

// outboundFacts passes on the facts of one stream that this node has opened.
type outboundFacts struct {
	core   *core
	member int
	id     roster.StreamID
	report *telemetry.Stream
}

// Response implements stream.OutboundFacts.
func (f *outboundFacts) Response(a roster.Response) (reply roster.Reply, err error) {
	a.Error, a.WaitingText = printable(a.Error, maxSaid), printable(a.WaitingText, maxSaid)
	f.report.Message()
	if a.RTT > 0 {
		f.report.RTT(a.RTT)
	}
	c, failedBefore := f.core, false
	c.update(func(now time.Time) {
		failedBefore = c.err != nil
		reply = c.roster.Response(now, f.member, f.id, a)
		c.noteAddressee(f.member) // before anything is sent to the member again
		if a.RTT > 0 {
			c.clocks[f.member].roundTrip(now, a.RTT)
		}
	})
	if reply == roster.Refused && !failedBefore {
		err = c.failure()
	}
	return reply, err
}

// Addressee implements stream.OutboundFacts.
func (f *outboundFacts) Addressee() uint64 { return f.core.addressees[f.member].Load() }

// Traceparent implements stream.OutboundFacts.
func (f *outboundFacts) Traceparent() string { return f.report.Traceparent() }

// SpanContext implements report.Span.
func (f *outboundFacts) SpanContext() trace.SpanContext { return f.report.SpanContext() }

// Down implements stream.OutboundFacts.
func (f *outboundFacts) Down(end stream.End) {
	loss, ended := f.core.lossOf(end), streamEnd(end)
	f.core.update(func(now time.Time) {
		f.core.roster.OutboundDown(now, f.member, f.id, loss)
		f.report.End(ended)
	})
}

// streamEnd returns the end of a stream as it is reported. It has an error only
// for refusals and protocol errors.
func streamEnd(end stream.End) report.StreamEnd {
	o := report.StreamEnd{At: end.At, Messages: end.Messages, Reason: end.Reason}
	if end.Reason == report.EndProtocol || end.Reason == report.EndRefused {
		o.Err, o.Type = end.Err, errorType(end.Err)
	}
	return o
}
