package roster

import (
	"slices"
	"time"
)

// Effects is what the caller has to do after a fact. What [Roster.Effects]
// returns once, it does not return again.
type Effects struct {
	// Announcement is what to send to every member from now on, at once, in place
	// of the one before; nil when nothing has changed.
	Announcement *Announcement
	// Repeat lists the members to whom the announcement is to be sent again, at once:
	// what was said before did not count there. The slice is valid until the next fact.
	Repeat []int
	// Ask lists the members that another process speaks for than the one that answers
	// us: send them a request at once, whose answer will tell. The slice is valid
	// until the next fact.
	Ask []int
	// EndStreams: there is nothing more to say to anybody. End every stream of the
	// ceremony now.
	EndStreams bool
	// Released: a wait may be over. Ask [Roster.Reached] again.
	Released bool
	// Changed: the status has changed.
	Changed bool
	// Events is what has happened, in order. The slice is valid until the next fact.
	Events []Event
	// Next is when to call [Roster.Tick]. The zero time means not before another
	// fact.
	Next time.Time
}

// Announcement is what this node says to every member: with the first request on
// a stream, with heartbeats, and at once when it changes.
type Announcement struct {
	Step    int64
	Goodbye bool
	// Attestation is what this node attests, from its last barrier on; nil if nothing.
	Attestation *Attestation
	// Failure says why our ceremony has failed. The announcement is an abort then:
	// send it on the streams that there are, and open no others for it.
	Failure *Failure
	// Culprit and Reporter are whom an abort names: the member that the reason is
	// about, and the one that first brought it. -1 is nobody.
	Culprit, Reporter int
	// Until is when to stop sending an abort. EndStreams comes then.
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

// Effects returns what the facts since the last call demand. It costs nothing
// when they demand nothing.
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

// announcement returns what there is to say now.
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

// announceAgain notes that there is something new to announce. A ceremony that is
// not open yet announces nothing.
func (r *Roster) announceAgain() { r.pending.announce = r.isOpen() }

// repeat notes that a member is to hear again what there is to say.
func (r *Roster) repeat(i int) { r.pending.repeat = withMember(r.pending.repeat, i) }

// ask notes that a member's answer is wanted at once, if one is not awaited
// already: two nodes that have not answered each other would ask for ever.
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

// emit notes an event. Some events release whoever waits.
func (r *Roster) emit(e Event) {
	r.pending.events = append(r.pending.events, e)
	r.pending.changed = true
	switch e.Type {
	case AllConnected, BarrierPassed, Completed, CeremonyFailed:
		r.pending.released = true
	}
}
