package syncmod

import (
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// handle handles an event: it reports it, and ends the ceremony on a failure or
// completion. The caller holds the lock.
func (c *core) handle(now time.Time, e roster.Event) {
	switch e.Type {
	case roster.Announced:
		c.since = now
		c.endWork(now)
	case roster.MemberConnected:
		c.viewStale = true
		c.reportMember(now, e, report.MemberConnected)
	case roster.MemberLost:
		c.viewStale = true
		if e.Inbound { // what the member has said about the others may no longer be true
			c.mesh.Forget(now, e.Member)
			c.views[e.Member] = nil
		}
		c.reportMember(now, e, report.MemberLost)
	case roster.MemberReplaced:
		c.reportMember(now, e, report.MemberReplaced)
	case roster.KeyInUse:
		c.reportMember(now, e, report.MemberKeyInUse)
	case roster.SaidGoodbye:
		c.viewStale = true
		c.reportMember(now, e, report.MemberGoodbye)
	case roster.BarrierPassed:
		c.handlePassed(now, e)
	case roster.StillWaiting:
		c.report.WaitReport(report.WaitReport{
			Kind: e.Barrier.Kind.String(), Step: e.Barrier.Step, Name: c.stepName, Started: e.From, Ended: now,
			Elapsed: now.Sub(e.Barrier.Since), Missing: e.Missing,
			Who: c.who(now, c.peerStatuses(e.Missing)), Broken: pairs(c.broken(now)),
		})
	case roster.Completed:
		c.end(now)
	case roster.CeremonyFailed:
		c.handleFailed(now, e)
	case roster.AllConnected, roster.MemberStepped, roster.Arrived, roster.AnsweredGoodbye:
	}
}

func (c *core) handlePassed(now time.Time, e roster.Event) {
	c.notePassed(now, e)
	o := report.Barrier{
		Kind: e.Barrier.Kind.String(), Step: e.Barrier.Step, Started: e.Barrier.Since, Ended: now,
		Arrivals: e.Arrivals, Last: e.Last,
	}
	switch e.Barrier.Kind {
	case roster.BarrierStep:
		if e.Barrier.Step == 1 {
			digest := stream.AttemptDigest(c.roster.Sessions())
			c.digest = digest[:]
			c.roster.SetAttempt(now, digest)
		}
		o.Name, o.Before = c.stepName, c.nameOf(e.Barrier.Step-1)
		if c.roster.SayingGoodbye() {
			c.receipt = c.makeReceipt()
			o.Result, o.Attested = c.receipt.agreement()
		} else {
			c.working = report.Step{Step: e.Barrier.Step, Name: c.stepName, Started: now}
		}
	case roster.BarrierShutdown:
		o.Err, o.Type = c.goodbyeErr, errorType(c.goodbyeErr)
	case roster.BarrierConnected:
	}
	c.report.Barrier(o)
}

// nameOf returns the name of a step, or nothing if it has none.
func (c *core) nameOf(step int64) string {
	if step < 1 || step > int64(len(c.steps)) {
		return ""
	}
	return c.steps[step-1]
}

func (c *core) handleFailed(now time.Time, e roster.Event) {
	c.setFailed(c.err)
	c.endWork(now)
	if e.Barrier.Kind != 0 {
		f := c.roster.Failure()
		c.report.Barrier(report.Barrier{
			Kind: e.Barrier.Kind.String(), Step: c.roster.Step(), Name: c.stepName,
			Before:  c.nameOf(c.roster.Step() - 1),
			Started: e.Barrier.Since, Ended: now, Last: f.Culprit, Err: c.err, Type: kindOf(f.Kind).errorType,
		})
	}
	c.end(now)
}

// endWork reports the work between two barriers when it is over.
func (c *core) endWork(now time.Time) {
	if c.working.Started.IsZero() {
		return
	}
	c.working.Ended = now
	c.report.Step(c.working)
	c.working = report.Step{}
}

// reportMember reports that a member is connected in both directions or no longer
// is, was replaced, has its key in use twice, or has said goodbye.
func (c *core) reportMember(now time.Time, e roster.Event, what string) {
	m := c.roster.Member(e.Member)
	other := m.Inbound
	if e.Inbound {
		other = m.Outbound
	}
	switch {
	case c.roster.Phase() >= roster.Complete, c.stopped:
		return
	case what == report.MemberConnected && (!m.Inbound || !m.Outbound):
		return // one direction alone is not worth a report
	case what == report.MemberLost && (!other || c.roster.SayingGoodbye() || m.Done):
		return // it was not connected, or is expected to leave
	}
	connected := len(c.def.Peers) - len(c.roster.Missing(now, roster.Barrier{Kind: roster.BarrierConnected}))
	o := report.Member{Peer: e.Member, What: what, At: now, Connected: connected}
	if what == report.MemberLost && !e.Inbound { // otherwise the last error of our stream is an old one
		o.Err = m.LastError
	}
	c.report.Member(o)
}
