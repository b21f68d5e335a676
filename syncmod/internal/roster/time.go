package roster

import "time"

const (
	// lossGrace is the time that a member always gets to come back after its stream
	// was lost, no matter when it was last heard. If PeerTimeout is shorter, the
	// member has only PeerTimeout. This time is needed because this node itself may
	// have been frozen: then every other member seems to be gone.
	lossGrace = time.Second

	// A wait is reported after firstReport. Each further interval is twice the
	// previous one, and at most longestReport.
	firstReport   = 10 * time.Second
	longestReport = 5 * time.Minute
)

// schedule remembers when the passing of time matters next.
type schedule struct {
	next    time.Time
	changed time.Time // when something changed that may make next wrong; zero: next is right
	report  waitReport
}

// waitReport is the slice of a wait that has not been reported yet.
type waitReport struct {
	of       Barrier
	from     time.Time
	interval time.Duration
}

func (w *waitReport) due() time.Time { return w.from.Add(w.interval) }

// reschedule notes that something has changed that the next tick depends on.
func (r *Roster) reschedule(now time.Time) { r.schedule.changed = now }

// at returns when to call Tick. It looks at the members only after a change.
func (s *schedule) at(r *Roster) time.Time {
	if !s.changed.IsZero() {
		s.next = r.nextTick(s.changed)
		s.changed = time.Time{}
	}
	return s.next
}

// nextTick finds the first moment at which the passing of time changes something:
// a member has been gone for too long, the answer to a goodbye is no longer
// needed, an abort was announced for long enough, or a wait must be reported.
func (r *Roster) nextTick(now time.Time) (next time.Time) {
	soonest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	switch {
	case r.aborting:
		return r.abortUntil()
	case r.phase >= Complete:
		return time.Time{}
	case r.SayingGoodbye():
		for i := range r.members {
			if m := &r.members[i]; i != r.cfg.Self && m.Done && !m.Answered && r.owesGoodbye(now, m) {
				soonest(r.graceUntil(m))
			}
		}
	case r.timesOut():
		for i := range r.members {
			if _, until, gone := r.goneSince(i); gone {
				soonest(until)
			}
		}
	}
	if w := r.waitReport(); w != nil {
		soonest(w.due())
	}
	return next
}

// Tick tells the roster the time.
func (r *Roster) Tick(now time.Time) {
	r.endAbort(now)
	if r.phase >= Complete {
		return
	}
	switch {
	case r.SayingGoodbye():
		r.checkGoodbyes(now)
	case r.timesOut():
		r.checkGone(now)
	}
	r.reportWait(now)
	r.reschedule(now)
}

// timesOut reports whether a member that is gone can fail the ceremony.
func (r *Roster) timesOut() bool { return r.phase != Connecting && r.cfg.PeerTimeout > 0 }

// checkGone fails the ceremony when a member has been gone for too long.
func (r *Roster) checkGone(now time.Time) {
	for i := range r.members {
		since, until, gone := r.goneSince(i)
		if !gone || now.Before(until) {
			continue
		}
		f := about(PeerTimeout, i)
		f.Gone = now.Sub(since)
		f.NotHeard = !r.members[i].in.up
		f.NotReached = !r.members[i].out.up
		r.Fail(now, f)
		return
	}
}

// goneSince returns the time since which a member has been gone from a running
// ceremony, and the time until which it may be gone. It has been gone since the last
// message in a direction that was connected and no longer is.
func (r *Roster) goneSince(i int) (since, until time.Time, gone bool) {
	m := &r.members[i]
	for _, d := range [...]*direction{&m.in, &m.out} {
		if !d.ever || d.up {
			continue
		}
		at, end := r.goneUntil(d)
		if !gone || end.Before(until) {
			since, until, gone = at, end, true
		}
	}
	return since, until, gone && !m.Done
}

// goneUntil returns the time since which a lost direction has been gone, and the time
// until which it may be gone.
func (r *Roster) goneUntil(d *direction) (since, until time.Time) {
	since = later(d.last, r.runningSince)
	return since, later(since.Add(r.cfg.PeerTimeout), d.since.Add(min(lossGrace, r.cfg.PeerTimeout)))
}

// waitReport returns the report that is due next, or nil if this node waits at no
// barrier.
func (r *Roster) waitReport() *waitReport {
	b, waits := r.Waiting()
	if !waits {
		return nil
	}
	w := &r.schedule.report
	if w.of != b {
		*w = waitReport{of: b, from: b.Since, interval: firstReport}
	}
	return w
}

// reportWait reports a wait that has lasted long enough.
func (r *Roster) reportWait(now time.Time) {
	w := r.waitReport()
	if w == nil || now.Before(w.due()) {
		return
	}
	r.emit(Event{
		Type: StillWaiting, Member: r.cfg.Self, Step: w.of.Step,
		Barrier: w.of, From: w.from, Missing: r.Missing(now, w.of),
	})
	w.from, w.interval = now, min(2*w.interval, longestReport)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
