package roster

import "time"

// Response is a member's response to a request of this node.
type Response struct {
	Session     uint64        // the member's session; 0: it names none
	Goodbye     bool          // it answers a goodbye
	Abort       bool          // it answers an abort
	Refused     bool          // it carries an error
	Error       string        // the text of the error
	Differ      bool          // the error is that the members attest different results
	Waiting     bool          // the request does not count there, and this node must wait
	WaitingText string        // why
	RTT         time.Duration // from writing the request to reading the response; 0: not measured
}

// Reply is what a response means for its stream.
type Reply int

// The replies.
const (
	// Continue says that nothing special has happened.
	Continue Reply = iota
	// GoodbyeAnswered and AbortAnswered say that the member has answered this
	// node's goodbye or abort. There is nothing left to say to it.
	GoodbyeAnswered
	AbortAnswered
	// Refused says that the member has answered with an error, and that the
	// ceremony is over.
	Refused
	// Stale says that the stream is no longer the current one. End it.
	Stale
)

// String returns the reply's name in transcripts.
func (a Reply) String() string {
	return [...]string{"go on", "goodbye answered", "abort answered", "refused", "stale"}[a]
}

// Attempt notes that this node could not open a stream to a member, or had no
// answer on it.
func (r *Roster) Attempt(i int, err error) {
	m := &r.members[i]
	m.Attempts++
	m.LastError = err
	r.pending.changed = true
}

// Refused notes why a stream of a member could not be served, or why the member
// opens none; nil forgets the last error.
func (r *Roster) Refused(i int, err error) {
	r.members[i].LastError = err
	r.pending.changed = true
}

// OutboundOpened notes that a stream to a member has been opened. This proves
// nothing yet, because protocol negotiation is lazy.
func (r *Roster) OutboundOpened(i int, stream StreamID, relayed bool) {
	m := &r.members[i]
	m.out.stream = stream
	m.Relayed = relayed
	m.asked = false
	r.pending.changed = true
}

// Response judges a member's response. A response to this node's goodbye counts
// no matter which process sends it: the ceremony has succeeded, and there is
// nothing else to say.
func (r *Roster) Response(now time.Time, i int, stream StreamID, a Response) Reply {
	m := &r.members[i]
	switch {
	case r.cfg.Observes:
		return r.hearAnswer(now, i, stream, a)
	case a.Abort:
		return AbortAnswered
	case r.phase == Failed && a.Refused:
		return Refused
	case r.phase == Failed:
		return Continue // it answers an earlier request: the answer to this node's abort comes later
	case a.Goodbye:
		r.hearGoodbyeAnswered(now, i, stream, a)
		return GoodbyeAnswered
	case stream != m.out.stream:
		return Stale
	}
	m.asked = false
	switch {
	case a.Refused && !m.Done && !r.over():
		f := about(PeerRejected, i)
		if f.Text = a.Error; a.Differ {
			f.Kind, f.Culprit = ResultMismatch, r.cfg.Self
		}
		r.Fail(now, f)
		return Refused
	case !r.judgeSession(now, i, a):
		return Continue
	case a.Waiting:
		r.acceptWaiting(now, i, a)
		return Continue
	}
	r.acceptResponse(now, i, a)
	return Continue
}

// judgeSession checks which process of a member answers this node. A different
// process is a newer one: the response came on this node's newest stream, and a
// stream leads to the process that was there when it was opened. judgeSession
// returns false if there is nothing more to judge. Either the member has restarted,
// which fails the ceremony, or it begins its next attempt after its goodbye or
// after this node's last barrier (docs/protocol.md, "Sessions and restarts").
func (r *Roster) judgeSession(now time.Time, i int, a Response) bool {
	m := &r.members[i]
	switch {
	case a.Session == m.Session, a.Session == 0 && a.Waiting:
		return true
	case r.over(), m.Done && m.Step > 0:
		return false
	case m.Step > 0:
		r.Fail(now, *stepFailure(PeerRestarted, i, m.Step, 0))
		return false
	}
	r.forget(now, i, a.Session)
	r.repeat(i)
	r.check(now)
	return true
}

// acceptWaiting notes why this node's requests do not count for a member. The
// member can be reached, but is not connected.
func (r *Roster) acceptWaiting(now time.Time, i int, a Response) {
	m := &r.members[i]
	m.measured(a.RTT)
	m.Attempts = 0
	if m.Waiting != a.WaitingText {
		m.Waiting = a.WaitingText
		r.pending.changed = true
	}
	if m.out.up {
		r.setLost(now, i, &m.out)
	}
	r.check(now)
}

func (r *Roster) acceptResponse(now time.Time, i int, a Response) {
	m := &r.members[i]
	m.out.last = now
	m.measured(a.RTT)
	m.Attempts = 0
	m.Waiting = ""
	if !m.out.up {
		if m.out.ever {
			m.Reconnects++
		}
		r.setConnected(now, i, &m.out)
		r.check(now)
	}
	if m.Done && r.SayingGoodbye() {
		r.reschedule(now) // the goodbye grace begins again
	}
}

// hearGoodbyeAnswered notes that this node's goodbye was answered.
func (r *Roster) hearGoodbyeAnswered(now time.Time, i int, stream StreamID, a Response) {
	m := &r.members[i]
	if stream == m.out.stream && a.Session == m.Session && !a.Waiting {
		r.acceptResponse(now, i, a)
	}
	if !m.Answered {
		m.Answered = true
		r.lastGoodbye = i
		r.emit(Event{Type: AnsweredGoodbye, Member: i})
		r.reschedule(now)
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
	if m.Waiting != "" {
		m.Waiting = "" // nobody answers now
		r.pending.changed = true
	}
	if m.out.up {
		r.setLost(now, i, &m.out)
		r.check(now)
	}
}
