package syncmod

import (
	"errors"
	"runtime"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/telemetry"
)

// settle carries out what the last facts have changed: it wakes whoever waits
// for it, gives the clients their line, and notes what is to be reported. The
// lock is held; nothing here blocks.
func (c *Ceremony) settle(now time.Time) {
	changed, timed := false, false
	for events := c.roster.Events(); len(events) > 0; events = c.roster.Events() {
		changed = true
		for _, e := range events {
			timed = c.apply(now, e) || timed
		}
		if timed {
			c.look(now)
		}
	}
	if !changed {
		return
	}
	if phase := Phase(c.roster.Phase()); phase != c.phase {
		c.phase = phase
		c.since = now
	}
	c.notifyWatchers()
}

// note keeps what is to be reported once the lock is released. The lock is held.
func (c *Ceremony) note(report func()) {
	c.reports = append(c.reports, report)
	c.reporting.Store(true)
}

// apply carries out one event. It returns true when the coarse timer may have to
// change.
func (c *Ceremony) apply(now time.Time, e roster.Event) (timed bool) {
	switch e.Type {
	case roster.Announced:
		c.since = now
		c.say(now)
		c.endWork(now)
		return true
	case roster.MemberConnected:
		c.lastConnected = e.Member
		c.reportMember(now, e, telemetry.MemberConnected)
	case roster.MemberLost:
		c.reportMember(now, e, telemetry.MemberLost)
		return true
	case roster.MemberReplaced:
		c.members[e.Member].leaveStale()
		c.reportMember(now, e, telemetry.MemberReplaced)
	case roster.AllConnected:
		broadcast(&c.connected)
		if _, times := c.roster.Connected(); times == 1 {
			c.reportBarrier(telemetry.Barrier{Kind: barrierConnected, Step: c.roster.Step(), Started: c.opened, Ended: now, Last: c.lastConnected})
		}
	case roster.Passed:
		broadcast(&c.passed)
		arrivals := c.roster.Arrivals(e.Step)
		c.reportBarrier(telemetry.Barrier{
			Kind: barrierStep, Step: e.Step, Name: c.stepName, Started: arrivals[c.self], Ended: now, Arrivals: arrivals, Last: latest(c.self, arrivals),
		})
		if c.roster.Farewell() {
			c.farewell = now
			c.say(now)
		} else {
			c.working = telemetry.Step{Step: e.Step, Name: c.stepName, Started: now}
		}
		return true
	case roster.SaidGoodbye:
		c.lastGoodbye = e.Member
		c.reportMember(now, e, telemetry.MemberGoodbye)
		return true
	case roster.AnsweredGoodbye:
		c.lastGoodbye = e.Member
	case roster.Completed:
		c.reportBarrier(telemetry.Barrier{
			Kind: barrierShutdown, Step: c.roster.Step(), Started: c.farewell, Ended: now, Last: c.lastGoodbye, Err: c.unheard, Type: errorType(c.unheard),
		})
		c.end(now)
	case roster.CeremonyFailed:
		c.giveUp(now)
	case roster.MemberStepped, roster.Arrived:
	}
	return false
}

// giveUp carries out a failure: every wait ends with it, and everyone is told.
func (c *Ceremony) giveUp(now time.Time) {
	f := *c.roster.Failure()
	c.err = explain(c.def, f, c.nested)
	c.told = reason(c.def, c.self, f, c.err)
	if c.quiet || c.opened.IsZero() {
		c.endLive()
	} else {
		c.say(now)
		c.toldBy = now.Add(tellFor)
		time.AfterFunc(tellFor, c.endTelling)
	}
	c.setFail(c.err)
	c.endWork(now)
	if w, waits := c.waits(); waits {
		c.reportBarrier(telemetry.Barrier{
			Kind: w.kind, Step: c.roster.Step(), Name: c.stepName, Started: w.since, Ended: now, Last: f.Culprit, Err: c.err, Type: typeOf(f.Kind),
		})
	}
	c.end(now)
}

// end carries out what completion and failure have in common.
func (c *Ceremony) end(now time.Time) {
	c.stopTimer()
	close(c.done)
	if c.opened.IsZero() {
		return // it never began: there is nothing to report
	}
	reconnects := 0
	for i := range c.members {
		reconnects += c.roster.Member(i).Reconnects
	}
	o := telemetry.End{Outcome: telemetry.OutcomeComplete, Step: c.roster.Step(), Reconnects: reconnects, Started: c.opened, Ended: now, Err: c.err, Unheard: c.unheard}
	switch {
	case errors.Is(c.err, ErrStopped):
		o.Outcome = telemetry.OutcomeStopped
	case c.err != nil:
		o.Outcome = telemetry.OutcomeFailed
	}
	if f := c.roster.Failure(); f != nil {
		o.Type = typeOf(f.Kind)
	}
	c.note(func() {
		c.report.End(o)
		if c.svc.onEnd != nil {
			c.svc.onEnd(c)
		}
	})
}

// latest returns the operator that arrived last: this node, when everyone else
// was there before.
func latest(self int, arrivals []time.Time) int {
	last := self
	for i := range arrivals {
		if arrivals[i].After(arrivals[last]) {
			last = i
		}
	}
	return last
}

func (c *Ceremony) reportBarrier(o telemetry.Barrier) {
	c.note(func() { c.report.Barrier(o) })
}

// reportMember reports that a member is connected both ways, or is not any more.
func (c *Ceremony) reportMember(now time.Time, e roster.Event, what string) {
	m := c.roster.Member(e.Member)
	other := m.Inbound
	if e.Inbound {
		other = m.Outbound
	}
	switch {
	case c.roster.Phase() >= roster.Complete:
		return
	case what == telemetry.MemberConnected && (!m.Inbound || !m.Outbound):
		return // one direction alone is not news yet
	case what == telemetry.MemberLost && (!other || c.roster.Farewell() || m.Done):
		return // it was not connected, or is expected to leave
	}
	event := telemetry.MemberEvent{Peer: e.Member, What: what, At: now, Connected: len(c.members) - len(c.roster.MissingConnected())}
	if what == telemetry.MemberLost && !e.Inbound { // else the last error of our stream is an old one
		event.Err = m.LastError
	}
	c.note(func() { c.report.Member(event) })
}

// flush reports what has happened, in its order, without the lock. Every call
// that has brought facts ends with it. It does not wait for another that is at
// it: that one takes what has been noted meanwhile.
func (c *Ceremony) flush() {
	if !c.reporting.Load() {
		return
	}
	runtime.Gosched() // a report can wait, and may take long
	for c.reporting.Load() && c.reportMu.TryLock() {
		c.flushNoted()
	}
}

// flushAll is flush for the end: it waits for another that is at it, and when it
// returns everything has been reported.
func (c *Ceremony) flushAll() {
	c.reportMu.Lock()
	c.flushNoted()
	c.flush()
}

// flushNoted reports what has been noted, and unlocks the reports: also when one
// of them panics, for they run what is not ours, like the hooks of a logger.
func (c *Ceremony) flushNoted() {
	defer c.reportMu.Unlock()
	c.mu.Lock()
	reports := c.reports
	c.reports = nil
	c.reporting.Store(false)
	c.mu.Unlock()
	for _, report := range reports {
		report()
	}
}

// notifyWatchers wakes whoever watches the status.
func (c *Ceremony) notifyWatchers() { broadcast(&c.watch) }

// broadcast wakes everyone who waits on a channel that was made for waiting.
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

// stopTimer stops the coarse timer. The lock is held.
func (c *Ceremony) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}
