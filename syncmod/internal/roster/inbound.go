package roster

import "time"

// Request is a member's request, as far as the rules look at it.
type Request struct {
	Opened   time.Time // when its stream arrived
	Version  string
	Signed   bool // its signature is the member's own, over our definition hash
	Session  uint64
	Step     int64
	Shutdown bool
	Nickname string

	Aborted bool   // it carries a reason why the member's ceremony has failed
	Abort   string // that reason
	Culprit int    // whom the reason is about, -1 when it names no member
}

// Action is what is to be done with a request and its stream.
type Action int

// The actions.
const (
	// Accept: answer it.
	Accept Action = iota
	// AcceptLast: answer it, then end the stream: there is nothing more to say.
	AcceptLast
	// Refuse: answer it with the verdict's cause as an error, then end the stream.
	Refuse
	// Drop: reset the stream. Nothing has changed.
	Drop
	// Hold: leave it unanswered. It belongs to an attempt that is to come.
	Hold
	// Supersede: reset the member's current stream, named by the verdict, wait
	// until its handler has returned, then bring the request again.
	Supersede
)

// String names the action as a transcript spells it.
func (a Action) String() string {
	return [...]string{"accept", "accept and end", "refuse", "drop", "hold", "supersede"}[a]
}

// Verdict is the answer to a request.
type Verdict struct {
	Action Action
	Old    StreamID // the stream to reset (Supersede)
	Cause  *Failure // what to answer (Refuse)
	// After is when to answer at the latest (Refuse). The member is to hear the
	// reason by our abort first, so answer once it has answered that, has sent an
	// abort of its own, or has no stream of ours to hear it on. The zero time means
	// at once.
	After time.Time
}

// foreignGrace is how long after a failure a new stream without a session number
// still counts as a part of the failed attempt.
const foreignGrace = 5 * time.Second

// Request judges a member's request: its version, its signature, its step, in
// this order. Only a request that passes all three changes anything
// (docs/protocol.md, "Frames and messages").
func (r *Roster) Request(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	if r.phase == Failed {
		return r.afterFailure(now, i, q)
	}
	if cause := r.authenticate(i, q); cause != nil {
		r.Fail(now, *cause) // not after the last barrier: then the request is refused, and that is all
		return r.refuse(now, i, q, cause)
	}
	cause, replaces, late := r.judgeStep(i, q, stream == m.in.stream)
	switch {
	case late:
		return Verdict{Action: Drop}
	case cause != nil && cause.Kind == SelfRestarted && q.Shutdown && q.Session != 0:
		// Its ceremony is over there: a member of this one does not begin with a goodbye.
		return Verdict{Action: AcceptLast}
	case (cause != nil || replaces) && r.over() && q.Aborted:
		return Verdict{Action: AcceptLast} // of another attempt, which is over too
	case (cause != nil || replaces) && r.over():
		return Verdict{Action: Hold} // of a new attempt; ours is finished and about to be closed
	case cause != nil:
		r.Fail(now, *cause)
		return r.refuse(now, i, q, cause)
	case m.in.stream != 0 && m.in.stream != stream &&
		q.Session != 0 && q.Session == m.session && q.Opened.Before(m.opened):
		return Verdict{Action: Drop} // what an older stream says changes nothing
	case m.in.stream != 0 && m.in.stream != stream:
		m.successor = stream
		return Verdict{Action: Supersede, Old: m.in.stream}
	}
	return r.accept(now, i, stream, q, replaces)
}

// Repeated is a request that says, on the same stream, what the last accepted
// one said. It returns false when the request has to be judged like any other.
func (r *Roster) Repeated(now time.Time, i int, stream StreamID) bool {
	m := &r.members[i]
	if r.phase == Failed || m.in.stream != stream || m.successor != 0 {
		return false
	}
	m.in.last = now
	return true
}

// authenticate checks the version and the signature.
func (r *Roster) authenticate(i int, q Request) *Failure {
	if m := &r.members[i]; !m.known || q.Version != m.Version {
		theirs, err := ParseVersion(q.Version)
		if err != nil || !r.cfg.Version.Compatible(theirs) {
			return &Failure{Kind: VersionMismatch, Culprit: i, By: i, Theirs: q.Version, Wanted: r.cfg.VersionText}
		}
	}
	if !q.Signed {
		return &Failure{Kind: BadSignature, Culprit: i, By: i}
	}
	return nil
}

// judgeStep checks the step, with the sessions that tell a late frame from a
// restart (docs/protocol.md, "Steps" and "Sessions and restarts"):
//
//   - The first step seen from a process is 0 or 1. Above, the member knows us
//     from before: we have restarted.
//   - Later steps are not below the last one seen and at most 2 above it.
//   - A step below the last one, same session: a late frame, to be dropped. From
//     a foreign peer, which has no session: it has restarted; but what an older
//     stream than the current one says is late.
//   - A session that was replaced stays stale, and so does one of a ceremony that
//     is over: whatever carries it is late.
//   - A session never seen before, from a member that has left step 0, is a
//     restart; from one that has not, it replaces the one before.
func (r *Roster) judgeStep(i int, q Request, current bool) (cause *Failure, replaces, late bool) {
	m := &r.members[i]
	if m.known && q.Session == m.session {
		switch {
		case q.Step < m.Step && (q.Session != 0 || q.Opened.Before(m.opened)):
			return nil, false, true
		case q.Step < m.Step:
			return &Failure{Kind: PeerRestarted, Culprit: i, By: i, From: m.Step, To: q.Step}, false, false
		case q.Step > m.Step+2:
			return &Failure{Kind: StepSkipped, Culprit: i, By: i, From: m.Step, To: q.Step}, false, false
		}
		return nil, false, false
	}
	switch {
	case m.known && current, m.isStale(q.Session):
		return nil, false, true
	case m.known && m.Step > 0:
		return &Failure{Kind: PeerRestarted, Culprit: i, By: i, From: m.Step, To: q.Step}, false, false
	case q.Step > 1:
		return &Failure{Kind: SelfRestarted, Culprit: r.cfg.Self, By: i, From: -1, To: q.Step}, false, false
	case q.Step < 0:
		return &Failure{Kind: StepSkipped, Culprit: i, By: i, From: -1, To: q.Step}, false, false
	}
	return nil, m.known, false
}

// accept changes the roster by an acceptable request, of a process that replaces
// the member's last one or is still that one.
func (r *Roster) accept(now time.Time, i int, stream StreamID, q Request, replaces bool) Verdict {
	m := &r.members[i]
	if replaces {
		r.forget(i)
	}
	m.known, m.session = true, q.Session
	if replaces {
		r.leaveStale(i)
	}
	m.Version, m.Nickname = q.Version, q.Nickname
	m.in.stream, m.in.last = stream, now
	m.opened = later(m.opened, q.Opened)
	if m.successor == stream { // else it is the last word of the stream that it takes over from
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

// forget makes room for the process that a member has come back as.
func (r *Roster) forget(i int) {
	m := &r.members[i]
	if m.session != 0 {
		m.stale = append(m.stale, m.session)
		if len(m.stale) > maxStale {
			m.stale = m.stale[1:]
		}
	}
	m.Step = -1
	m.Done = false
	m.known = false
	r.emit(Event{Type: MemberReplaced, Member: i})
}

// setStep notes a member's step. It returns false when that is the one before.
func (r *Roster) setStep(now time.Time, i int, step int64) bool {
	m := &r.members[i]
	if step == m.Step {
		return false
	}
	m.prevStepAt = m.stepAt
	if step > m.Step+1 {
		m.prevStepAt = now // it has reached both at once, as far as we know
	}
	m.Step, m.stepAt = step, now
	r.emit(Event{Type: MemberStepped, Member: i, Step: step})
	return true
}

// hearAbort fails the ceremony because a member's has failed. The one to blame is
// the culprit that the member names, not the messenger.
func (r *Roster) hearAbort(now time.Time, i int, q Request) {
	culprit := q.Culprit
	if culprit < 0 {
		culprit = i
	}
	r.Fail(now, Failure{Kind: PeerAborted, Culprit: culprit, By: i, Text: q.Abort})
}

// hearGoodbye notes a member's goodbye. It returns false when it was said before.
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

// InboundDown notes that a stream from a member has ended and its handler is
// about to return. The end of an older stream changes nothing.
func (r *Roster) InboundDown(now time.Time, i int, stream StreamID) {
	m := &r.members[i]
	switch stream {
	case m.in.stream:
		m.in.stream = 0
		if m.successor != 0 {
			return // one stream takes over from another: the member stays connected
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
