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
}

// Request judges a member's request, in the order of part 1 of the protocol
// description: version, signature, step. Only a request that passes all three
// changes anything.
func (r *Roster) Request(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	if r.phase == Failed {
		return r.afterFailure(m, q)
	}
	if cause := r.authenticate(i, q); cause != nil {
		r.Fail(now, *cause) // not after the last barrier: then the request is refused, and that is all
		return Verdict{Action: Refuse, Cause: cause}
	}
	cause, replaces, late := r.judgeStep(i, q, stream == m.in.stream)
	switch {
	case late:
		return Verdict{Action: Drop}
	case cause != nil && cause.Kind == SelfRestarted && q.Shutdown && q.Session != 0:
		return Verdict{Action: AcceptLast} // of a ceremony that is over there: who comes to this one does not begin with a goodbye
	case (cause != nil || replaces) && r.over() && q.Aborted:
		return Verdict{Action: AcceptLast} // of another attempt, which is over too
	case (cause != nil || replaces) && r.over():
		return Verdict{Action: Hold} // a new attempt; ours is finished and about to be closed
	case cause != nil:
		r.Fail(now, *cause)
		return Verdict{Action: Refuse, Cause: cause}
	case m.in.stream != 0 && m.in.stream != stream && q.Session != 0 && q.Session == m.session && q.Opened.Before(m.opened):
		return Verdict{Action: Drop} // what an older stream says changes nothing
	case m.in.stream != 0 && m.in.stream != stream:
		m.successor = stream
		return Verdict{Action: Supersede, Old: m.in.stream}
	}
	if replaces {
		r.replace(i)
	}
	return r.apply(now, i, stream, q)
}

// Repeated is a request that says, on the same stream, what the last one said
// that was accepted. It returns false when it has to be judged like any other.
func (r *Roster) Repeated(now time.Time, i int, stream StreamID) bool {
	m := &r.members[i]
	if r.phase == Failed || m.in.stream != stream || m.successor != 0 {
		return false
	}
	m.in.last = now
	return true
}

// authenticate is checks 1 and 2.
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

// judgeStep is check 3, with the sessions that tell a late frame from a restart:
//
//   - The first step seen from a process is 0 or 1. Above, the member knows us
//     from before: we have restarted.
//   - Later steps are not below the last one seen and at most 2 above it.
//   - A step below the last one, same session: a late frame, to be dropped. From
//     a foreign peer, which has no session: it has restarted; but what an older
//     stream than the current one says is late.
//   - A session seen before and replaced stays dead, and so does one of a
//     ceremony that is over: whatever carries it is late.
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
	case m.known && current, m.isDead(q.Session):
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

// afterFailure answers for a ceremony that has failed: everyone who took part
// is told why, and a new attempt is not killed by an old failure.
func (r *Roster) afterFailure(m *member, q Request) Verdict {
	switch {
	case q.Session != 0 && m.isDead(q.Session):
		return Verdict{Action: Drop}
	case q.Aborted || q.Shutdown: // an attempt that is to come does not begin like that
		return Verdict{Action: AcceptLast}
	case q.Session != 0 && (!m.known || q.Session != m.session) && q.Opened.After(r.failedAt):
		return Verdict{Action: Hold}
	case q.Session == 0 && q.Opened.Sub(r.failedAt) > foreignGrace:
		return Verdict{Action: Hold}
	}
	return Verdict{Action: Refuse, Cause: r.failure}
}

// replace makes room for the process that a member has come back as.
func (r *Roster) replace(i int) {
	m := &r.members[i]
	if m.session != 0 {
		m.dead = append(m.dead, m.session)
		if len(m.dead) > deadSessions {
			m.dead = m.dead[1:]
		}
	}
	m.Step = -1
	m.Done = false
	m.known = false
	r.emit(Event{Type: MemberReplaced, Member: i})
}

// apply changes the roster by an acceptable request.
func (r *Roster) apply(now time.Time, i int, stream StreamID, q Request) Verdict {
	m := &r.members[i]
	m.known, m.session = true, q.Session
	m.Version, m.Nickname = q.Version, q.Nickname
	m.in.stream, m.in.last = stream, now
	m.opened = later(m.opened, q.Opened)
	if m.successor == stream { // not for a last word of the stream that it takes over from
		m.successor = 0
	}
	changed := false
	if !m.in.up {
		r.turn(now, i, &m.in, true)
		changed = true
	}
	if q.Step != m.Step {
		m.prevStepAt = m.stepAt
		if q.Step > m.Step+1 {
			m.prevStepAt = now // it has reached both at once, as far as we know
		}
		m.Step, m.stepAt = q.Step, now
		r.emit(Event{Type: MemberStepped, Member: i, Step: q.Step})
		changed = true
	}
	if q.Aborted {
		culprit := q.Culprit
		if culprit < 0 {
			culprit = i
		}
		r.Fail(now, Failure{Kind: PeerAborted, Culprit: culprit, By: i, Text: q.Abort})
		return Verdict{Action: AcceptLast}
	}
	if q.Shutdown {
		if !m.Done {
			m.Done, m.doneAt = true, now
			r.emit(Event{Type: SaidGoodbye, Member: i, Step: m.Step})
			changed = true
		}
		if changed {
			r.check(now)
		}
		return Verdict{Action: AcceptLast}
	}
	if changed {
		r.check(now)
		if r.phase == Failed {
			return Verdict{Action: Refuse, Cause: r.failure}
		}
	}
	return Verdict{Action: Accept}
}

// InboundDown notes that a stream from a member has ended and its handler is
// about to return. What an older stream does changes nothing.
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
		r.turn(now, i, &m.in, false)
		r.check(now)
	}
}

// turn notes that a direction has come up or gone down.
func (r *Roster) turn(now time.Time, i int, d *direction, up bool) {
	m := &r.members[i]
	both := m.in.up && m.out.up
	d.up, d.since = up, now
	if up {
		d.ever = true
	}
	if now := m.in.up && m.out.up; now != both {
		m.Since = d.since
	}
	e := Event{Type: MemberLost, Member: i, Step: m.Step, Inbound: d == &m.in}
	if up {
		e.Type = MemberConnected
	}
	r.emit(e)
}

func (m *member) isDead(session uint64) bool {
	for _, dead := range m.dead {
		if session != 0 && dead == session {
			return true
		}
	}
	return false
}
