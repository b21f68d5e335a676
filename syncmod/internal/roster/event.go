package roster

import "time"

// EventType says what happened.
type EventType int

// The events.
const (
	// Announced: this node has announced a step.
	Announced EventType = iota + 1
	// MemberConnected and MemberLost: a direction came up, or went down.
	MemberConnected
	MemberLost
	// MemberReplaced: a member came back as another process before it had left
	// step 0.
	MemberReplaced
	// KeyInUse: two processes use a member's key: one answers us, and another goes on
	// asking.
	KeyInUse
	// AllConnected: every member is connected, both ways.
	AllConnected
	// Arrived: a member has reached the barrier that this node waits at.
	Arrived
	// BarrierPassed: this node has passed a barrier of any kind. For the
	// connections it comes only once, the first time that all are connected.
	BarrierPassed
	// StillWaiting: this node has been waiting at a barrier for long enough to
	// report it.
	StillWaiting
	// MemberStepped: a member's step has changed.
	MemberStepped
	// SaidGoodbye and AnsweredGoodbye: a member has said its goodbye, or has
	// answered ours.
	SaidGoodbye
	AnsweredGoodbye
	// Completed and CeremonyFailed: the end.
	Completed
	CeremonyFailed
)

// String returns the event's name in transcripts.
func (t EventType) String() string {
	names := [...]string{
		"none", "announced", "connected", "lost", "replaced", "key in use", "all connected", "arrived", "passed",
		"still waiting", "stepped", "said goodbye", "answered goodbye", "completed", "failed",
	}
	if t < 0 || int(t) >= len(names) {
		return "unknown"
	}
	return names[t]
}

// Event is something that has happened in the ceremony.
type Event struct {
	Type    EventType
	Member  int   // the operator that it is about
	Step    int64 // the step that it is about
	Inbound bool  // the direction (MemberConnected, MemberLost)

	// Barrier is the one that was passed (BarrierPassed), the one that this node
	// waits at (StillWaiting), or the one that it was waiting at (CeremonyFailed;
	// the zero value when it was waiting at none).
	Barrier Barrier
	// Arrivals says when each member reached a step's barrier, by operator index;
	// this node's own entry is its announcement (BarrierPassed).
	Arrivals []time.Time
	// Last is who came last (BarrierPassed): the last member to be connected, to
	// reach the step, or to say or answer a goodbye. It is this node's own index
	// when all the others were there before.
	Last int
	// From is when the reported part of a wait began: with the wait, or with the
	// report before (StillWaiting).
	From time.Time
	// Missing lists the members that the barrier waits for (StillWaiting).
	Missing []int
}
