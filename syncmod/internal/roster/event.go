package roster

import "time"

// EventType says what happened.
type EventType int

// The events.
const (
	// Announced says that this node has announced a step.
	Announced EventType = iota + 1
	// MemberConnected and MemberLost say that a direction came up or went down.
	MemberConnected
	MemberLost
	// MemberReplaced says that a member came back as another process before it had
	// left step 0.
	MemberReplaced
	// KeyInUse says that two processes use a member's key: one answers this node, and
	// another goes on asking.
	KeyInUse
	// AllConnected says that every member is connected in both directions.
	AllConnected
	// Arrived says that a member has reached the barrier that this node waits at.
	Arrived
	// BarrierPassed says that this node has passed a barrier of any kind. For the
	// connections it comes only once, the first time that all members are connected.
	BarrierPassed
	// StillWaiting says that this node has been waiting at a barrier for so long that
	// the wait is reported.
	StillWaiting
	// MemberStepped says that a member's step has changed.
	MemberStepped
	// SaidGoodbye and AnsweredGoodbye say that a member has said its goodbye, or has
	// answered this node's.
	SaidGoodbye
	AnsweredGoodbye
	// Completed and CeremonyFailed say that the ceremony has ended.
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
	Type    EventType // what happened
	Member  int       // operator index of the member that it is about
	Step    int64     // the step that it is about
	Inbound bool      // the direction (MemberConnected, MemberLost)

	// Barrier is the barrier that was passed (BarrierPassed), the one that this node
	// waits at (StillWaiting), or the one that it was waiting at (CeremonyFailed;
	// zero if it was waiting at no barrier).
	Barrier Barrier
	// Arrivals says when each member reached a step's barrier, by operator index.
	// This node's own entry is the time of its announcement (BarrierPassed).
	Arrivals []time.Time
	// Last is the member that came last (BarrierPassed): the last to be connected, to
	// reach the step, or to say or answer a goodbye. It is this node's own index if
	// all others came before it.
	Last int
	// From is when the reported slice of a wait began: with the wait, or with the
	// previous report (StillWaiting).
	From time.Time
	// Missing lists the members that the barrier waits for (StillWaiting).
	Missing []int
}
