package roster

import "time"

// Response is a member's answer to a request of ours.
type Response struct {
	Session uint64        // the member's session number, 0 when it names none
	Goodbye bool          // it answers our goodbye
	Abort   bool          // it answers our abort
	Refused bool          // it carries an error
	Error   string        // that error
	RTT     time.Duration // from writing the request to reading this
}

// Reply is what a response means for its stream.
type Reply int

// The replies.
const (
	// Continue: nothing, go on.
	Continue Reply = iota
	// GoodbyeAnswered and AbortAnswered: the member has answered our goodbye, or
	// our abort. There is nothing left to say to it.
	GoodbyeAnswered
	AbortAnswered
	// Refused: the member has answered with an error, and the ceremony is over.
	Refused
	// Stale: the stream leads to a process that the member no longer is, or is not
	// the current one any more. End it and open another.
	Stale
)

// String returns the reply's name in transcripts.
func (a Reply) String() string {
	return [...]string{"go on", "goodbye answered", "abort answered", "refused", "stale"}[a]
}

// Attempt notes that opening a stream to a member, or saying anything on it,
// has failed.
func (r *Roster) Attempt(i int, err error) {
	m := &r.members[i]
	m.Attempts++
	m.LastError = err
	r.pending.changed = true
}

// OutboundOpened notes that a stream to a member has been opened. It proves
// nothing yet: protocol negotiation is lazy.
func (r *Roster) OutboundOpened(i int, stream StreamID, relayed bool) {
	m := &r.members[i]
	m.out.stream = stream
	m.Relayed = relayed
	m.outSession = 0
	m.outBasis, m.outKnown = m.session, m.known
	r.pending.changed = true
}

// Response judges a member's answer.
func (r *Roster) Response(now time.Time, i int, stream StreamID, a Response) Reply {
	switch {
	case a.Abort:
		return AbortAnswered
	case r.phase != Failed && !r.judgeResponse(now, i, stream, a):
		return Stale
	case r.phase == Failed && a.Refused:
		return Refused
	case r.phase == Failed:
		return Continue // our abort is behind it
	case a.Goodbye:
		return GoodbyeAnswered
	}
	return Continue
}

// judgeResponse changes the roster by an answer, or fails the ceremony. It
// returns false for an answer that does not count, which changes nothing.
//
// A session number that is not the member's proves a restart only on a stream
// that was opened after that session was known: an older process may have
// answered on an older stream (docs/protocol.md, "Sessions and restarts").
func (r *Roster) judgeResponse(now time.Time, i int, stream StreamID, a Response) bool {
	m := &r.members[i]
	if stream != m.out.stream || m.isStale(a.Session) {
		return false
	}
	if a.Refused && !a.Goodbye && !r.over() {
		return r.Fail(now, Failure{Kind: PeerRejected, Culprit: i, By: i, Text: a.Error})
	}
	if a.Session != 0 && a.Session != m.outSession {
		if m.known && a.Session != m.session {
			switch {
			case !m.outKnown, m.outBasis != m.session:
				return false
			case m.Step > 0: // which is of no interest any more when the ceremony is over
				return r.Fail(now, Failure{Kind: PeerRestarted, Culprit: i, By: i, From: m.Step, To: 0})
			}
		}
		m.outSession = a.Session
	}
	r.acceptResponse(now, i, a)
	return true
}

func (r *Roster) acceptResponse(now time.Time, i int, a Response) {
	m := &r.members[i]
	m.out.last = now
	m.RTT = a.RTT
	m.Attempts = 0
	changed := false
	if !m.out.up {
		if m.out.ever {
			m.Reconnects++
		}
		r.setConnected(now, i, &m.out)
		changed = true
	}
	if a.Session != m.answeredBy {
		m.answeredBy = a.Session
		changed = true
	}
	if a.Goodbye && !m.Answered {
		m.Answered = true
		r.lastGoodbye = i
		r.emit(Event{Type: AnsweredGoodbye, Member: i})
		changed = true
	}
	if m.Done && r.SayingGoodbye() {
		r.reschedule(now) // the goodbye grace begins anew, or is not needed any more
	}
	if changed {
		r.check(now)
	}
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
		r.setLost(now, i, &m.out)
		r.check(now)
	}
}

// leaveStale leaves our stream to a member that has just been replaced, unless
// its new process is the one that answers us.
func (r *Roster) leaveStale(i int) {
	if m := &r.members[i]; m.out.up && m.outSession != m.session {
		r.pending.leave = append(r.pending.leave, Stream{Member: i, ID: m.out.stream})
	}
}
