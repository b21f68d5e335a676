package roster

import "time"

// Request judges a member's request: its version, its signature, its members and
// its step, in this order. A request is accepted only if it passes all these checks
// and belongs to this attempt (docs/protocol.md, "Frames and messages").
func (r *Roster) Request(now time.Time, i int, stream StreamID, q Request) Verdict {
	switch {
	case r.cfg.Observes:
		return r.observe(now, i, stream, q)
	case q.Observes:
		return Verdict{Action: Decline}
	case q.Session == 0:
		return r.foreignRequest(now, i, stream, q)
	case !r.counts(i, q):
		return r.greet(now, i, q)
	case r.phase == Failed:
		return r.afterFailure(now, i, q)
	}
	if cause := r.authenticate(i, q); cause != nil {
		return r.failBy(now, i, q, cause)
	}
	cause, late := r.judgeStep(i, q)
	switch {
	case late:
		return Verdict{Action: Drop}
	case cause != nil:
		return r.failBy(now, i, q, cause)
	}
	return r.take(now, i, stream, q)
}

// counts reports whether a request belongs to this attempt: it comes from the
// process that answers this node, and it addresses this node's session
// (docs/protocol.md, "Sessions and restarts").
func (r *Roster) counts(i int, q Request) bool {
	return q.Session == r.members[i].Session && q.Addressee == r.cfg.Session
}

// greet answers a request that does not count. It still checks the version, the
// signature and the members. There are two exceptions: the request is meant for
// another process of this node, or nothing can fail this ceremony any longer.
func (r *Roster) greet(now time.Time, i int, q Request) Verdict {
	m := &r.members[i]
	if !r.over() && (q.Addressee == 0 || q.Addressee == r.cfg.Session) {
		if cause := r.authenticate(i, q); cause != nil {
			return r.failBy(now, i, q, cause)
		}
	}
	if q.Aborted || q.Shutdown {
		return Verdict{Action: AcceptLast}
	}
	v := Verdict{Action: Greet, Waiting: r.failure, Over: r.over() && r.phase != Failed}
	if q.Session != m.Session && !m.Done && !r.over() {
		r.ask(i)
		v.KeyInUse = r.hearRival(now, i, q.Session)
	}
	return v
}

// failBy fails the ceremony because of a request, and refuses the request. After the
// last barrier it only refuses the request.
func (r *Roster) failBy(now time.Time, i int, q Request, cause *Failure) Verdict {
	r.Fail(now, *cause)
	return r.refuse(now, i, q, cause)
}

// Repeated notes a request that says the same as the last accepted one on the
// same stream. It returns false if the request must be judged like any other.
func (r *Roster) Repeated(now time.Time, i int, stream StreamID) bool {
	m := &r.members[i]
	if r.phase == Failed || m.in.stream != stream || m.successor != 0 || !m.known {
		return false
	}
	m.in.last = now
	return true
}

// authenticate checks the version, the signature and the members.
func (r *Roster) authenticate(i int, q Request) *Failure {
	switch {
	case !r.isCompatible(i, q.Version):
		f := about(VersionMismatch, i)
		f.Theirs, f.Wanted = q.Version, r.cfg.VersionText
		return &f
	case !q.Signed:
		f := about(BadSignature, i)
		return &f
	case q.OtherMembers:
		f := about(MembersMismatch, i)
		return &f
	}
	return nil
}

func (r *Roster) isCompatible(i int, version string) bool {
	if m := &r.members[i]; m.known && version == m.Version {
		return true
	}
	theirs, err := ParseVersion(version)
	return err == nil && r.cfg.Version.Compatible(theirs)
}

// judgeStep checks the step of a request that counts (docs/protocol.md, "Steps"):
//
//   - The first step is at most one above this node's step. The member already
//     hears this node, and no member can pass a barrier that this node has not
//     announced.
//   - A later step is at most 2 above the previous one.
//   - A step below the previous one is a late frame, which is dropped.
//   - From step 2 on, the request names the attempt that this node is in.
func (r *Roster) judgeStep(i int, q Request) (cause *Failure, late bool) {
	m := &r.members[i]
	switch {
	case m.known && q.Step < m.Step:
		return nil, true
	case m.known && q.Step > m.Step+2, !m.known && (q.Step < 0 || q.Step > r.step+1):
		return stepFailure(StepSkipped, i, m.Step, q.Step), false
	case r.isOtherAttempt(q):
		other := about(AttemptMismatch, i)
		return &other, false
	}
	return nil, false
}

// take accepts a request that has passed every check, unless it came on an older
// stream. The stream of the request becomes the member's current one once the
// handler of the previous one has returned.
func (r *Roster) take(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	switch {
	case m.in.stream == 0 || m.in.stream == stream:
		return r.accept(now, i, stream, q)
	case m.known && q.Session != 0 && q.Opened.Before(m.opened):
		return Verdict{Action: Drop} // an older stream changes nothing
	}
	m.successor = stream
	return Verdict{Action: Supersede, Old: m.in.stream}
}

// accept changes the roster because of an acceptable request.
func (r *Roster) accept(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	if !m.known {
		m.known, m.first = true, q.Step
		if q.Session != 0 {
			r.repeat(i) // it may have thought that earlier requests came from another process
		}
	}
	m.Version, m.Nickname = q.Version, q.Nickname
	m.attempt, m.hasAttempt = q.Attempt, q.HasAttempt && q.Step > 1
	m.attestation = q.Attestation
	m.in.stream, m.in.last = stream, now
	m.opened = later(m.opened, q.Opened)
	if m.successor == stream { // otherwise this is the last request of a stream that is being replaced
		m.successor = 0
	}
	changed := false
	if !m.in.up {
		r.setConnected(now, i, &m.in)
		changed = true
	}
	changed = r.setStep(now, i, q.Step) || changed
	switch {
	case q.Aborted:
		r.hearAbort(now, i, q)
		return Verdict{Action: AcceptLast}
	case q.Shutdown:
		changed = r.hearGoodbye(now, i) || changed
	}
	if changed {
		r.check(now)
	}
	switch {
	case q.Shutdown:
		return Verdict{Action: AcceptLast}
	case r.phase == Failed:
		return r.refuse(now, i, q, r.failure)
	}
	return Verdict{Action: Accept}
}

// forget makes room for a member that has come back as another process. What the
// member said before is void. Until it is heard again, the member is not connected
// inbound.
func (r *Roster) forget(now time.Time, i int, session uint64) {
	m := &r.members[i]
	before := m.known || m.Session != 0
	m.Session = session
	m.Step, m.Done, m.known = -1, false, false
	m.opened = time.Time{}
	if m.in.up {
		r.setLost(now, i, &m.in)
	}
	if before {
		r.emit(Event{Type: MemberReplaced, Member: i})
	}
}

// setStep notes a member's step. It returns false if the step has not changed.
func (r *Roster) setStep(now time.Time, i int, step int64) bool {
	m := &r.members[i]
	if step == m.Step {
		return false
	}
	m.prevStepAt = m.stepAt
	if step > m.Step+1 {
		m.prevStepAt = now // as far as this node knows, it has reached both at the same time
	}
	m.Step, m.stepAt = step, now
	r.emit(Event{Type: MemberStepped, Member: i, Step: step})
	return true
}

// hearAbort fails the ceremony because a member's ceremony has failed. The
// culprit is the member that the abort names, not the one that passed it on. If
// the members attest different results, nobody is the culprit. If the abort
// names this node as the reporter, the member that sent the abort counts as the
// reporter. This node cannot be the reporter: a node that has reported anything
// has already failed.
func (r *Roster) hearAbort(now time.Time, i int, q Request) {
	f := about(PeerAborted, i)
	f.Text = q.Abort
	switch {
	case q.Differ:
		f.Kind, f.Culprit = ResultMismatch, r.cfg.Self
	case q.Culprit >= 0:
		f.Culprit = q.Culprit
	}
	if q.Reporter != i && q.Reporter != f.Culprit && q.Reporter != r.cfg.Self {
		f.Reporter = q.Reporter
	}
	r.Fail(now, f)
}

// hearGoodbye notes a member's goodbye. It returns false if the member has said
// it before.
func (r *Roster) hearGoodbye(now time.Time, i int) bool {
	m := &r.members[i]
	if m.Done {
		return false
	}
	m.Done, m.doneAt = true, now
	r.lastGoodbye = i
	r.emit(Event{Type: SaidGoodbye, Member: i, Step: m.Step})
	r.reschedule(now)
	return true
}

// InboundDown notes that a stream from a member has ended and that its handler is
// about to return. The end of an older stream changes nothing.
func (r *Roster) InboundDown(now time.Time, i int, stream StreamID) {
	m := &r.members[i]
	switch stream {
	case m.in.stream:
		m.in.stream = 0
		if m.successor != 0 {
			return // another stream takes over: the member stays connected
		}
	case m.successor:
		m.successor = 0
		if m.in.stream != 0 {
			return
		}
	default:
		return
	}
	if m.in.up {
		r.setLost(now, i, &m.in)
		r.check(now)
	}
}
