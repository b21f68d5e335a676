package roster

import (
	"errors"
	"time"
)

// ErrOutOfTurn is returned for a step that cannot be announced now, and for a result
// that comes after the last step is announced. Only the current step can be
// announced and, once its barrier is passed, the next one. A node that only looks
// can announce none.
var ErrOutOfTurn = errors.New("step out of turn")

// BarrierKind says what a barrier waits for.
type BarrierKind int

// The kinds of barriers.
const (
	BarrierConnected BarrierKind = iota + 1 // every member is connected in both directions
	BarrierStep                             // every member has reached a step
	BarrierShutdown                         // every member has said goodbye and has answered this node's
)

// String returns the kind's name: connected, step or shutdown.
func (k BarrierKind) String() string {
	names := [...]string{"none", "connected", "step", "shutdown"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Barrier is what somebody waits for. [Roster.AwaitConnected], [StepBarrier] and
// [ShutdownBarrier] make one, and [Roster.Reached] reports whether the wait is over.
type Barrier struct {
	Kind BarrierKind // what it waits for
	Step int64       // the step (BarrierStep); otherwise the step that this node was at
	// Since is when this node's wait began: when the ceremony was opened, when this
	// node announced the step, or when it passed the last barrier.
	Since time.Time

	round int // the value of Roster.rounds when the wait began (BarrierConnected)
}

// StepBarrier returns the barrier of a step.
func StepBarrier(step int64) Barrier { return Barrier{Kind: BarrierStep, Step: step} }

// ShutdownBarrier returns the barrier of the goodbyes.
func ShutdownBarrier() Barrier { return Barrier{Kind: BarrierShutdown} }

// AwaitConnected notes that somebody waits for all members to be connected, and
// returns the barrier to wait at.
func (r *Roster) AwaitConnected(now time.Time) Barrier {
	r.wantConnected = true
	r.check(now)
	return Barrier{Kind: BarrierConnected, Step: r.step, Since: r.openedAt, round: r.rounds}
}

// Announce sets this node's own step: the current step again, which changes nothing,
// or the next one once the current barrier is passed.
func (r *Roster) Announce(now time.Time, step int64) error {
	if r.phase < Complete && step == r.step && step > 0 {
		return nil
	}
	return r.advance(now, step, 0)
}

// AnnounceLast is Announce for the last barrier of the ceremony. A step that was
// announced with Announce cannot become the last one.
func (r *Roster) AnnounceLast(now time.Time, step int64) error {
	if r.phase < Complete && step == r.last && step > 0 {
		return nil
	}
	return r.advance(now, step, step)
}

func (r *Roster) advance(now time.Time, step, last int64) error {
	if r.cfg.Observes || r.phase >= Complete || step != r.step+1 || r.passed != r.step || r.last != 0 {
		return ErrOutOfTurn
	}
	r.step, r.last = step, last
	r.announcedAt = now
	if r.phase == Connecting {
		r.phase = Running
		r.runningSince = now
	}
	if last > 0 {
		r.phase = Completing
	}
	r.announceAgain()
	r.emit(Event{Type: Announced, Member: r.cfg.Self, Step: step})
	r.reschedule(now)
	r.check(now)
	return nil
}

// Waiting returns the barrier that this node waits at, if it waits at any.
func (r *Roster) Waiting() (Barrier, bool) {
	if !r.isOpen() || r.phase >= Complete {
		return Barrier{}, false
	}
	b := r.barrier()
	return b, b.Kind != 0
}

// barrier returns the barrier that comes next. It returns the zero value if it is
// up to this node's program what comes next.
func (r *Roster) barrier() Barrier {
	switch {
	case r.SayingGoodbye():
		return Barrier{Kind: BarrierShutdown, Step: r.step, Since: r.goodbyeSince}
	case r.step > r.passed:
		return Barrier{Kind: BarrierStep, Step: r.step, Since: r.announcedAt}
	case r.step == 0 && r.rounds == 0:
		return Barrier{Kind: BarrierConnected, Since: r.openedAt}
	}
	return Barrier{}
}

// Reached reports whether the wait at a barrier is over. The wait for connections is
// also over if all members were connected in the meantime. A complete ceremony has
// reached every barrier.
func (r *Roster) Reached(b Barrier) bool {
	switch {
	case r.phase == Complete:
		return true
	case b.Kind == BarrierConnected:
		return r.allConnected || r.rounds > b.round
	case b.Kind == BarrierStep:
		return r.passed >= b.Step
	}
	return false
}

// Missing lists the members that a barrier waits for.
func (r *Roster) Missing(now time.Time, b Barrier) []int {
	var missing []int
	for i := range r.members {
		if i != r.cfg.Self && r.isMissing(now, &r.members[i], b) {
			missing = append(missing, i)
		}
	}
	return missing
}

func (r *Roster) isMissing(now time.Time, m *member, b Barrier) bool {
	switch b.Kind {
	case BarrierConnected:
		return !m.connected()
	case BarrierStep:
		return !m.isAt(b.Step)
	case BarrierShutdown:
		return r.owesGoodbye(now, m)
	}
	return false
}

// isAt is the rule of a step's barrier. A member counts as being at step k if its
// last seen step is k or k+1, because one member always goes first.
//
// Barrier 1 also needs the member's answer to a request of this node. If the member
// has a session, its requests count only after such an answer. If it is foreign, the
// answer must come on a stream that is alive. Without this rule, this node could hear
// every member at step 1 and announce step 2 to a foreign member that has not heard
// from this node yet. The foreign member would conclude that it has itself restarted.
func (m *member) isAt(step int64) bool {
	if m.Step != step && m.Step != step+1 {
		return false
	}
	return step > 1 || m.Session != 0 || m.out.up
}

// check checks whether all members are connected, and whether this node's barrier is
// passed or can no longer be passed.
func (r *Roster) check(now time.Time) {
	if r.phase >= Complete {
		return
	}
	r.checkConnected()
	if r.cfg.Observes {
		return // a member that leaves does not fail a ceremony that only looks
	}
	if r.SayingGoodbye() {
		r.checkGoodbyes(now)
		return
	}
	needed := r.step
	if r.wantConnected {
		needed = max(needed, 1)
	}
	waiting := false
	for i := range r.members {
		if i == r.cfg.Self {
			continue
		}
		m := &r.members[i]
		switch {
		case m.Done && m.Step < needed:
			r.Fail(now, *stepFailure(PeerLeft, i, m.Step, needed))
			return
		case r.step > r.passed && m.Step >= r.step+2:
			r.Fail(now, r.leftBehind(i))
			return
		case r.step == r.passed:
		case !m.isAt(r.step):
			waiting = true
		case m.arrived != r.step:
			m.arrived = r.step
			r.emit(Event{Type: Arrived, Member: i, Step: r.step})
		}
	}
	switch {
	case r.step == r.passed || waiting:
	case r.step == r.last && !r.agrees():
		r.differ(now)
	default:
		r.pass(now)
	}
}

// checkConnected checks whether all members are connected.
func (r *Roster) checkConnected() {
	all := true
	for i := range r.members {
		if i != r.cfg.Self && !r.members[i].connected() {
			all = false
			break
		}
	}
	if all && !r.allConnected {
		r.rounds++
		r.emit(Event{Type: AllConnected, Member: r.cfg.Self})
		if r.rounds == 1 {
			b := Barrier{Kind: BarrierConnected, Step: r.step, Since: r.openedAt}
			r.emit(Event{Type: BarrierPassed, Member: r.cfg.Self, Step: r.step, Barrier: b, Last: r.lastConnected})
		}
	}
	r.allConnected = all
}

// pass passes the barrier of this node's step.
func (r *Roster) pass(now time.Time) {
	b := r.barrier()
	r.passed = r.step
	if r.passed == 1 {
		r.keepSessions()
	}
	arrivals, last := r.arrivals()
	r.emit(Event{Type: BarrierPassed, Member: r.cfg.Self, Step: r.step, Barrier: b, Arrivals: arrivals, Last: last})
	r.reschedule(now)
	if r.SayingGoodbye() {
		r.goodbyeSince = now
		r.announceAgain()
		r.checkGoodbyes(now)
	}
}

// arrivals returns when each member reached the barrier that this node has just
// passed, and which member was last.
func (r *Roster) arrivals() (at []time.Time, last int) {
	at = make([]time.Time, len(r.members))
	last = r.cfg.Self
	at[last] = r.announcedAt
	for i := range r.members {
		if i == r.cfg.Self {
			continue
		}
		m := &r.members[i]
		at[i] = m.stepAt
		if m.Step == r.step+1 {
			at[i] = m.prevStepAt
		}
		if r.step == 1 { // barrier 1 also needs this node's stream to the member
			at[i] = later(at[i], m.out.since)
		}
		if at[i].After(at[last]) {
			last = i
		}
	}
	return at, last
}
