package roster

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
	// step 0. Old streams to it lead nowhere.
	MemberReplaced
	// AllConnected: every member is connected, both ways.
	AllConnected
	// Arrived: a member has reached the barrier that this node waits for.
	Arrived
	// Passed: this node has passed a barrier.
	Passed
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

// String names the event as a transcript spells it.
func (t EventType) String() string {
	names := [...]string{
		"none", "announced", "connected", "lost", "replaced", "all connected", "arrived", "passed", "stepped",
		"said goodbye", "answered goodbye", "completed", "failed",
	}
	if t < 0 || int(t) >= len(names) {
		return "unknown"
	}
	return names[t]
}

// Event is something that others than the stream that brought the fact may want
// to know.
type Event struct {
	Type    EventType
	Member  int   // the operator that it is about
	Step    int64 // the step that it is about
	Inbound bool  // the direction, for MemberConnected and MemberLost
}
