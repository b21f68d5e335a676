package roster

import (
	"slices"
	"time"
)

// Effects is what the caller must do after a fact. [Roster.Effects] returns each effect
// only once.
type Effects struct {
	// Announcement is what to send to every member at once, and from now on in place of
	// the previous one. It is nil if nothing has changed.
	Announcement *Announcement
	// Repeat lists the members to which the announcement must be sent again at once,
	// because it did not count there before. The slice is valid until the next fact.
	Repeat []int
	// Ask lists the members that have sent a request from a process that is not
	// known to answer this node: either no process of the member has answered it
	// yet, or another one has. Send them a request at once: its answer will show
	// which process is there. The slice is valid until the next fact.
	Ask []int
	// EndStreams says that there is nothing more to say to any member. End every stream
	// of the ceremony now.
	EndStreams bool
	// Released says that a wait may be over. Call [Roster.Reached] again.
	Released bool
	// Changed says that the status has changed.
	Changed bool
	// Events lists what has happened, in order. The slice is valid until the next fact.
	Events []Event
	// Next is when to call [Roster.Tick]. The zero time means that no call is needed
	// before another fact.
	Next time.Time
}

// Announcement is what this node says to every member. It goes out with the first
// request on a stream, with heartbeats, and at once when it changes.
type Announcement struct {
	Step    int64 // the last step that this node has announced
	Goodbye bool  // this node says goodbye
	// Attestation is what this node attests from its last barrier on, or nil if it
	// attests nothing.
	Attestation *Attestation
	// Failure says why this node's ceremony has failed. The announcement is then an
	// abort: send it on the streams that exist, and open no others for it.
	Failure *Failure
	// Culprit and Reporter are the members that an abort names: the member that the
	// reason is about, and the member that first reported it. -1 means no member.
	Culprit, Reporter int
	// Until is when to stop sending an abort. EndStreams comes at that time.
	Until time.Time
}

// pending is what [Roster.Effects] returns next.
type pending struct {
	announce   bool // there is a new announcement
	repeat     []int
	ask        []int
	endStreams bool
	released   bool
	changed    bool
	events     []Event
}

// Effects returns the effects of the facts since the last call. It is cheap if there
// are none.
func (r *Roster) Effects() Effects {
	p := &r.pending
	e := Effects{
		Repeat: p.repeat, Ask: p.ask, EndStreams: p.endStreams, Released: p.released, Changed: p.changed,
		Events: p.events, Next: r.schedule.at(r),
	}
	if p.announce {
		e.Announcement = r.announcement()
	}
	*p = pending{repeat: p.repeat[:0], ask: p.ask[:0], events: p.events[:0]}
	return e
}

// announcement returns what this node has to say now.
func (r *Roster) announcement() *Announcement {
	a := &Announcement{Step: r.step, Goodbye: r.SayingGoodbye(), Culprit: -1, Reporter: -1}
	if r.last > 0 {
		a.Attestation = r.attestation
	}
	if r.phase == Failed {
		a.Failure, a.Until = r.failure, r.abortUntil()
		a.Culprit, a.Reporter = r.named(r.failure)
	}
	return a
}

// announceAgain notes that there is something new to announce. A ceremony that is not
// open yet announces nothing.
func (r *Roster) announceAgain() { r.pending.announce = r.isOpen() }

// repeat notes that the announcement must be sent to a member again.
func (r *Roster) repeat(i int) { r.pending.repeat = withMember(r.pending.repeat, i) }

// ask notes that a member must be asked at once, unless an answer is already expected.
// Without this exception, two nodes that have not answered each other would go on
// asking for ever.
func (r *Roster) ask(i int) {
	if m := &r.members[i]; !m.asked {
		m.asked = true
		r.pending.ask = withMember(r.pending.ask, i)
	}
}

func withMember(list []int, i int) []int {
	if slices.Contains(list, i) {
		return list
	}
	return append(list, i)
}

// emit notes an event. Some events end waits.
func (r *Roster) emit(e Event) {
	r.pending.events = append(r.pending.events, e)
	r.pending.changed = true
	switch e.Type {
	case AllConnected, BarrierPassed, Completed, CeremonyFailed:
		r.pending.released = true
	}
}
