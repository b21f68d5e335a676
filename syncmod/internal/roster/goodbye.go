package roster

import "time"

// goodbyeGrace is how long a member that has said its own goodbye may leave this
// node's goodbye unanswered. After that, its answer is no longer needed. libp2p
// pauses for 5 s after a failed dial, and this node pauses too: goodbyeGrace is
// longer than both pauses together, so that there is time for a second dial.
const goodbyeGrace = 7 * time.Second

// SayingGoodbye reports whether the last barrier is passed: the ceremony has
// succeeded, and only the goodbyes remain.
func (r *Roster) SayingGoodbye() bool { return r.last > 0 && r.passed >= r.last }

// over reports whether nothing can fail this ceremony any longer.
func (r *Roster) over() bool { return r.phase >= Complete || r.SayingGoodbye() }

// Finish ends the goodbyes. The ceremony is complete, even if some members have not
// said theirs.
func (r *Roster) Finish(now time.Time) {
	if r.SayingGoodbye() && r.phase < Complete {
		r.complete(now)
	}
}

func (r *Roster) complete(now time.Time) {
	b := r.barrier()
	r.phase = Complete
	r.emit(Event{Type: BarrierPassed, Member: r.cfg.Self, Step: r.step, Barrier: b, Last: r.lastGoodbye})
	r.emit(Event{Type: Completed, Member: r.cfg.Self, Step: r.step})
	r.reschedule(now)
}

// checkGoodbyes completes the ceremony once all goodbyes are said and answered.
func (r *Roster) checkGoodbyes(now time.Time) {
	for i := range r.members {
		if i != r.cfg.Self && r.owesGoodbye(now, &r.members[i]) {
			return
		}
	}
	r.complete(now)
}

// owesGoodbye reports whether a member has not said its goodbye, or has not answered
// this node's. Its answer is no longer needed once it has said its own goodbye and
// has been unreachable for the grace period.
func (r *Roster) owesGoodbye(now time.Time, m *member) bool {
	return !m.Done || !m.Answered && now.Before(r.graceUntil(m))
}

// graceUntil returns when the grace period of a member ends. It does not begin before
// the member has said its own goodbye. At that moment the member is there, and may be
// waiting for this node's goodbye.
func (r *Roster) graceUntil(m *member) time.Time {
	return later(later(r.goodbyeSince, m.doneAt), m.out.last).Add(goodbyeGrace)
}
