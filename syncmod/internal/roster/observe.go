package roster

import "time"

// observe notes what a member says to a ceremony that only looks. What the member
// says does not count, and cannot fail the ceremony. The member must not think that
// this node takes part (docs/protocol.md, "Rehearsals"). A foreign member would take
// any answer as a sign that this node takes part, so it gets no answer. A member
// with a session is told that this node only looks. A goodbye or an abort is
// answered as in every other ceremony.
func (r *Roster) observe(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	switch {
	case r.phase == Failed: // it is being closed
	case m.in.stream != 0 && m.in.stream != stream:
		m.successor = stream
		return Verdict{Action: Supersede, Old: m.in.stream}
	default:
		r.note(now, i, stream, q)
	}
	switch {
	case q.Aborted || q.Shutdown:
		return Verdict{Action: AcceptLast}
	case q.Session == 0:
		return Verdict{Action: Ignore}
	}
	return Verdict{Action: Decline, Observes: true}
}

// note notes who a member is and which step it has reached. The member is connected
// inbound as long as a ceremony that takes part would accept what it says.
func (r *Roster) note(now time.Time, i int, stream StreamID, q Request) {
	m := &r.members[i]
	m.in.stream, m.in.last = stream, now
	if m.successor == stream {
		m.successor = 0
	}
	fault := r.authenticate(i, q)
	if q.Version != m.Version || q.Nickname != m.Nickname || !sameFault(fault, m.Fault) {
		m.Version, m.Nickname, m.Fault = q.Version, q.Nickname, fault
		r.pending.changed = true
	}
	switch {
	case m.Fault == nil && !m.in.up:
		r.setConnected(now, i, &m.in)
	case m.Fault != nil && m.in.up:
		r.setLost(now, i, &m.in)
	}
	r.setStep(now, i, q.Step)
	if q.Shutdown {
		r.hearGoodbye(now, i)
	}
	r.check(now)
}

func sameFault(a, b *Failure) bool { return a == b || a != nil && b != nil && *a == *b }

// AsksForAnother notes that a member goes on asking for another definition. This
// only matters to a ceremony that only looks.
func (r *Roster) AsksForAnother(i int) {
	if r.cfg.Observes {
		f := about(BadSignature, i)
		r.members[i].Fault = &f
		r.pending.changed = true
	}
}

// hearAnswer notes that a member has answered a ceremony that only looks. The member
// has answered a ping, or a request in which this node describes itself. Or its host
// is connected and does not serve pings. The member is connected outbound.
func (r *Roster) hearAnswer(now time.Time, i int, stream StreamID, a Response) Reply {
	m := &r.members[i]
	switch {
	case stream != m.out.stream:
		return Stale
	case r.phase == Failed:
		return Continue
	}
	waiting := m.Waiting
	r.acceptResponse(now, i, a)
	if m.Waiting = a.WaitingText; m.Waiting != waiting {
		r.pending.changed = true
	}
	return Continue
}
