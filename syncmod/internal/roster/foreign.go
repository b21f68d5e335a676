package roster

import "time"

// foreignGrace is how long after a failure a new stream of a foreign member still
// counts as part of the failed attempt.
const foreignGrace = 5 * time.Second

// foreignRequest judges a request of a foreign member. Only its step, and the
// order in which streams arrive, show which attempt it belongs to.
func (r *Roster) foreignRequest(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	if r.phase == Failed {
		return r.foreignAfterFailure(now, i, stream, q)
	}
	if cause := r.authenticate(i, q); cause != nil {
		return r.failBy(now, i, q, cause)
	}
	cause, late := r.judgeForeignStep(i, q)
	replaces := m.Session != 0
	switch {
	case late:
		return Verdict{Action: Drop}
	case cause != nil && cause.Kind == SelfRestarted && q.Shutdown,
		(cause != nil || replaces) && r.over() && (q.Aborted || q.Shutdown):
		return Verdict{Action: AcceptLast} // left over from an old attempt: a new one does not begin like this
	case (cause != nil || replaces) && (r.over() || m.Done) && q.Step <= 1:
		return r.hold(i, stream) // from a new attempt; the member is finished with this one
	case cause != nil:
		return r.failBy(now, i, q, cause)
	case replaces && (m.in.stream == 0 || m.in.stream == stream):
		r.forgetForForeign(now, i)
	}
	return r.take(now, i, stream, q)
}

// judgeForeignStep checks the step of a foreign member (docs/protocol.md,
// "Steps"):
//
//   - The first step is 0 or 1. If it is higher, the member knows this node from
//     before: this node has restarted.
//   - A later step is not below the previous one, and at most 2 above it. A
//     request with a lower step is merely late, and not a restart, if its stream is
//     older than a stream that has already been current. Otherwise the member has
//     restarted.
//   - A member that had a session before and had left step 0 has restarted if its request now has no session.
func (r *Roster) judgeForeignStep(i int, q Request) (cause *Failure, late bool) {
	m := &r.members[i]
	same := m.known && m.Session == 0
	switch {
	case same && q.Step < m.Step && q.Opened.Before(m.opened):
		return nil, true
	case same && q.Step < m.Step, !same && m.Step > 0:
		return stepFailure(PeerRestarted, i, m.Step, q.Step), false
	case same && q.Step > m.Step+2, q.Step < 0:
		return stepFailure(StepSkipped, i, m.Step, q.Step), false
	case !same && q.Step > 1:
		return r.selfRestarted(i, q.Step), false
	}
	return nil, false
}

// forgetForForeign makes room for a member that has come back as a foreign
// process. All earlier answers came from the previous process.
func (r *Roster) forgetForForeign(now time.Time, i int) {
	r.forget(now, i, 0)
	if m := &r.members[i]; m.out.up {
		r.setLost(now, i, &m.out)
	}
}

// selfRestarted returns the failure for the case that a member at the given step
// knows this node from before: this node has restarted.
func (r *Roster) selfRestarted(i int, step int64) *Failure {
	f := stepFailure(SelfRestarted, i, -1, step)
	f.Culprit = r.cfg.Self
	return f
}

// leftBehind returns the failure for a member that is two or more steps above the
// barrier that this node waits at. If a foreign member was already at step 1 when
// this node first heard it, and then went on without this node, it knows this node
// from an earlier process. So this node has restarted.
func (r *Roster) leftBehind(i int) Failure {
	m := &r.members[i]
	if m.Session == 0 && m.first == 1 && r.step == 1 {
		return *r.selfRestarted(i, m.Step)
	}
	f := about(LeftBehind, i)
	f.From, f.To = r.step, m.Step
	return f
}

// foreignAfterFailure answers for a ceremony that has failed. A request that may
// belong to a new attempt is held (docs/protocol.md, "Streams that are held").
// Every other request gets the reason.
func (r *Roster) foreignAfterFailure(now time.Time, i int, stream StreamID, q Request) Verdict {
	switch {
	case q.Aborted || q.Shutdown:
		return Verdict{Action: AcceptLast}
	case q.Step > 1 || r.authenticate(i, q) != nil:
		return r.refuse(now, i, q, r.failure)
	case r.quiet() || q.Opened.Sub(r.failedAt) > foreignGrace:
		return r.hold(i, stream)
	}
	return r.refuse(now, i, q, r.failure)
}

// hold returns the verdict for a stream that may belong to a future attempt. One
// such stream for each member is enough.
func (r *Roster) hold(i int, stream StreamID) Verdict {
	m := &r.members[i]
	v := Verdict{Action: Hold}
	if m.held != stream {
		v.Old, m.held = m.held, stream
	}
	return v
}
