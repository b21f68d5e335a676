package roster

import "time"

// Request is a member's request, reduced to what the rules need.
type Request struct {
	Opened       time.Time    // when its stream arrived
	Version      string       // the sender's version, as text
	Signed       bool         // its signature of the definition hash is the member's own
	OtherMembers bool         // it lists other members than this node's definition, or in another order
	Session      uint64       // the sender's session; 0 for a foreign member
	Addressee    uint64       // the session that answers the sender; 0 while no session does
	Step         int64        // the sender's step
	Attempt      [8]byte      // the attempt that the sender is in
	HasAttempt   bool         // whether the request names one
	Attestation  *Attestation // what the member attests; nil if nothing
	Shutdown     bool         // it is a goodbye
	Nickname     string       // the sender's nickname
	Observes     bool         // the sender only looks: the request counts for no ceremony

	Aborted  bool   // it carries the reason why the member's ceremony has failed
	Differ   bool   // the reason is that the members attest different results
	Abort    string // the reason
	Culprit  int    // the member that the reason is about; -1: none is named
	Reporter int    // the member that first reported the reason; -1: none is named
}

// Action is what to do with a request and its stream.
type Action int

// The actions.
const (
	// Accept says to answer it.
	Accept Action = iota
	// AcceptLast says to answer it and then end the stream, because there is nothing
	// more to say.
	AcceptLast
	// Refuse says to answer it with the verdict's cause as an error, and then end
	// the stream.
	Refuse
	// Drop says to reset the stream. Nothing has changed.
	Drop
	// Hold says to leave it unanswered, because it belongs to a future attempt. A
	// member has only one such stream: reset the previous one, which the verdict
	// names.
	Hold
	// Supersede says to reset the member's current stream, which the verdict names,
	// to wait until its handler has returned, and then to call [Roster.Request] again
	// with the same request.
	Supersede
	// Greet says to answer it with this node's session. It does not count, and
	// nothing has changed.
	Greet
	// Decline says to answer it without a session, like a node that has not opened
	// the ceremony. It does not count.
	Decline
	// Ignore says to leave it unanswered and to read on. It does not count.
	Ignore
)

// String returns the action's name in transcripts.
func (a Action) String() string {
	return [...]string{
		"accept", "accept and end", "refuse", "drop", "hold", "supersede", "greet", "decline", "ignore",
	}[a]
}

// Verdict is the answer to a request.
type Verdict struct {
	Action Action   // what to do
	Old    StreamID // the stream to reset (Supersede, Hold); 0: none
	Cause  *Failure // what to answer (Refuse)
	// After is the latest time for the answer (Refuse). The member should first hear
	// the reason from this node's abort. So answer once the member has answered the
	// abort or has sent an abort itself, or once this node has no stream on which
	// the member could hear the abort. The zero time means at once.
	After time.Time
	// Waiting and Over say why the member must wait for this node's next attempt
	// (Greet): this attempt has failed, or has passed its last barrier.
	Waiting *Failure
	Over    bool
	// KeyInUse says that two processes use the member's key, and that the other one
	// answers this node (Greet).
	KeyInUse bool
	// Observes says that this node only looks (Decline).
	Observes bool
}
