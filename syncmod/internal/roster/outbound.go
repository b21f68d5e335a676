package roster

import "time"

// Response is a member's answer to a request of ours.
type Response struct {
	Session uint64        // the member's session number, 0 when it names none
	Goodbye bool          // it answers our goodbye
	Refused bool          // it carries an error
	Error   string        // that error
	RTT     time.Duration // from writing the request to reading this
}

// Attempt notes that opening a stream to a member, or saying anything on it,
// has failed.
func (r *Roster) Attempt(i int, err error) {
	m := &r.members[i]
	m.Attempts++
	m.LastError = err
}

// OutboundOpened notes that a stream to a member has been opened. It proves
// nothing yet: protocol negotiation is lazy.
func (r *Roster) OutboundOpened(i int, stream StreamID, relayed bool) {
	m := &r.members[i]
	m.out.stream = stream
	m.Relayed = relayed
	m.outSession = 0
	m.outBasis, m.outKnown = m.session, m.known
}

// Response judges an answer. It returns false when the stream is to be ended:
// it leads to a process that is no more, or the ceremony has failed.
//
// A session number that is not the member's proves a restart only on a stream
// that was opened after that session was known: an older stream may have been
// answered by an older process.
func (r *Roster) Response(now time.Time, i int, stream StreamID, a Response) bool {
	m := &r.members[i]
	if stream != m.out.stream || m.isDead(a.Session) {
		return false
	}
	if a.Refused && !a.Goodbye && !r.over() {
		r.Fail(now, Failure{Kind: PeerRejected, Culprit: i, By: i, Text: a.Error})
		return false
	}
	if a.Session != 0 && a.Session != m.outSession {
		if m.known && a.Session != m.session {
			switch {
			case !m.outKnown, m.outBasis != m.session:
				return false
			case m.Step > 0:
				r.Fail(now, Failure{Kind: PeerRestarted, Culprit: i, By: i, From: m.Step, To: 0})
				return false
			}
		}
		m.outSession = a.Session
	}
	m.out.last = now
	m.RTT = a.RTT
	m.Attempts = 0
	changed := false
	if !m.out.up {
		if m.out.ever {
			m.Reconnects++
		}
		r.turn(now, i, &m.out, true)
		changed = true
	}
	if a.Session != m.answeredBy {
		m.answeredBy = a.Session
		changed = true
	}
	if a.Goodbye && !m.Answered {
		m.Answered = true
		r.emit(Event{Type: AnsweredGoodbye, Member: i})
		changed = true
	}
	if changed {
		r.check(now)
	}
	return r.phase != Failed
}

// OutboundDown notes that a stream to a member has ended.
func (r *Roster) OutboundDown(now time.Time, i int, stream StreamID, err error) {
	m := &r.members[i]
	if stream != m.out.stream {
		return
	}
	m.out.stream = 0
	if err != nil {
		m.LastError = err
	}
	if m.out.up {
		r.turn(now, i, &m.out, false)
		r.check(now)
	}
}

// StaleOutbound tells whether the current stream to a member has been answered
// by a process that the member is no more.
func (r *Roster) StaleOutbound(i int) bool {
	m := &r.members[i]
	return m.out.up && m.outSession != m.session
}
