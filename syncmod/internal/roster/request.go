package roster

import "time"

// Request is a member's request, as far as the rules look at it.
type Request struct {
	Opened       time.Time // when its stream arrived
	Version      string
	Signed       bool   // its signature is the member's own, over our definition hash
	OtherMembers bool   // it lists other members than our definition, or in another order
	Session      uint64 // the sender's, 0 for a foreign member
	Addressee    uint64 // the session that answers the sender, 0 while none does
	Step         int64
	Attempt      [8]byte      // which attempt the sender is in
	HasAttempt   bool         // whether it says so
	Attestation  *Attestation // what the member attests, nil if nothing
	Shutdown     bool
	Nickname     string
	Observes     bool // the sender only looks: no ceremony takes it into account

	Aborted  bool   // it carries a reason why the member's ceremony has failed
	Differ   bool   // that is that the members attest different results
	Abort    string // the reason
	Culprit  int    // whom the reason is about, -1 when it names no member
	Reporter int    // who first brought the reason, -1 when it names no member
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
	// Hold: leave it unanswered. It belongs to an attempt that is to come. A member
	// has one such stream: reset the one before, which the verdict names.
	Hold
	// Supersede: reset the member's current stream, named by the verdict, wait
	// until its handler has returned, then bring the request again.
	Supersede
	// Greet: answer it with our session. It does not count, and nothing has changed.
	Greet
	// Decline: answer it as a node that has not opened the ceremony does, without a
	// session. It does not count.
	Decline
	// Ignore: leave it unanswered, and read on. It does not count.
	Ignore
)

// String names the action as a transcript spells it.
func (a Action) String() string {
	return [...]string{
		"accept", "accept and end", "refuse", "drop", "hold", "supersede", "greet", "decline", "ignore",
	}[a]
}

// Verdict is the answer to a request.
type Verdict struct {
	Action Action
	Old    StreamID // the stream to reset, 0 when there is none (Supersede, Hold)
	Cause  *Failure // what to answer (Refuse)
	// After is when to answer at the latest (Refuse). The member is to hear the
	// reason by our abort first, so answer once it has answered that, has sent an
	// abort of its own, or has no stream of ours to hear it on. The zero time means
	// at once.
	After time.Time
	// Waiting and Over say why the member has to wait for our next attempt (Greet):
	// this one has failed, or has passed its last barrier.
	Waiting *Failure
	Over    bool
	// KeyInUse says that another process of the member answers us (Greet).
	KeyInUse bool
	// Observes says that this node only looks (Decline).
	Observes bool
}
