package telemetry

import "time"

// Peer is a member as reports name it.
type Peer struct {
	Index int
	ID    string
	Name  string // fit to be shown
}

// Info says which ceremony a report is about.
type Info struct {
	Hash  []byte // the definition hash
	Index int    // this node's operator index
	Peers []Peer // every member, in operator order
}

// Snapshot is a ceremony at one moment, for what is observed rather than
// recorded.
type Snapshot struct {
	Step    int64
	Peers   []PeerSnapshot // by operator index, this node's own is empty; nil once the ceremony is over
	Waiting *WaitingSnapshot
}

// PeerSnapshot is a member at one moment.
type PeerSnapshot struct {
	Inbound, Outbound bool
	Step              int64 // -1: none seen
	LastSeen          time.Time
}

// WaitingSnapshot is the barrier that a ceremony waits at.
type WaitingSnapshot struct {
	Kind    string
	Since   time.Time
	Missing int
}

// MemberEvent is a change of how a member stands.
type MemberEvent struct {
	Peer      int
	What      string // one of the Member constants
	At        time.Time
	Connected int   // how many members are connected now, both ways, this node included
	Err       error // why it was lost
}

// What can happen to a member.
const (
	MemberConnected = "connected"
	MemberLost      = "lost"
	MemberReplaced  = "restarted before the ceremony ran"
	MemberGoodbye   = "said goodbye"
)

// Connect is how one connect or reconnect went, or a slice of one that goes on
// failing: from the first attempt to the first valid response.
type Connect struct {
	Peer     int
	Started  time.Time // of the slice
	Ended    time.Time
	Since    time.Time // when the trying began; zero: with the slice
	Attempts int
	Relayed  bool
	Reason   string  // why the stream before was lost: one of the End constants; empty for the first connect
	Lost     *Stream // the stream before, nil for the first connect
	Over     bool    // it has not succeeded before the ceremony ended
	Again    bool    // one that goes on failing was logged not long ago
	Err      error   // why it has not succeeded
	Type     string  // the error's type
}

// StreamStart is how a stream began.
type StreamStart struct {
	Peer        int
	Inbound     bool
	Relayed     bool
	At          time.Time
	Traceparent string // what the peer sent, for an inbound one; not trusted
}

// StreamEnd is how a stream ended.
type StreamEnd struct {
	At       time.Time
	Messages int64
	Reason   string // one of the End constants
	Err      error  // set only for refusals and protocol errors
	Type     string // the error's type
}

// Why a stream ended.
const (
	EndGoodbye    = "goodbye"    // said and answered
	EndAbort      = "abort"      // told and answered
	EndRefused    = "refused"    // one side answered with an error
	EndClosed     = "closed"     // the other side closed it
	EndLost       = "lost"       // reset, or the connection under it died
	EndTimeout    = "timeout"    // the other side was silent for too long
	EndProtocol   = "protocol"   // what came was no frame, no message, or out of turn
	EndSuperseded = "superseded" // a newer stream of the member took its place
	EndMoved      = "moved"      // to a direct connection
	EndStopped    = "stopped"    // by this node
)

// The kinds of barrier.
const (
	BarrierConnected = "connected" // everyone is connected, both ways
	BarrierStep      = "step"      // everyone has reached a step
	BarrierShutdown  = "shutdown"  // everyone has said goodbye, both ways
)

// Barrier is how one barrier went, from its announcement to its release.
type Barrier struct {
	Kind     string
	Step     int64
	Name     string // the step's name, when it has one
	Started  time.Time
	Ended    time.Time
	Arrivals []time.Time // when each member arrived, by operator index; zero: not, or not known
	Last     int         // operator index of the last to arrive
	Err      error
	Type     string // the error's type
}

// Waiting is a slice of a barrier that still waits.
type Waiting struct {
	Kind    string
	Step    int64
	Started time.Time // of the slice
	Ended   time.Time
	Elapsed time.Duration // since the barrier was announced
	Missing []int         // operator indices
	Who     string        // the same in words, with the reasons
}

// Step is the work between two barriers.
type Step struct {
	Step    int64
	Name    string
	Started time.Time
	Ended   time.Time
}

// End is how a ceremony ended.
type End struct {
	Outcome    string
	Step       int64
	Reconnects int
	Started    time.Time
	Ended      time.Time
	Err        error  // why it failed
	Type       string // the error's type
	Unheard    error  // who did not say goodbye in a complete one
}

// The outcomes of a ceremony.
const (
	OutcomeComplete = "complete"
	OutcomeFailed   = "failed"
	OutcomeStopped  = "stopped"
)

// The types of error, as spans and metrics name them.
const (
	TypeVersionMismatch  = "version_mismatch"
	TypeBadSignature     = "bad_signature"
	TypePeerRestarted    = "peer_restarted"
	TypeSelfRestarted    = "self_restarted"
	TypeStepSkipped      = "step_skipped"
	TypeLeftBehind       = "left_behind"
	TypePeerRejected     = "peer_rejected"
	TypePeerAborted      = "peer_aborted"
	TypePeerTimeout      = "peer_timeout"
	TypePeerLeft         = "peer_left"
	TypeAborted          = "aborted"
	TypeStopped          = "stopped"
	TypeDialFailed       = "dial_failed"
	TypeDeadlineExceeded = "deadline_exceeded"
	TypeNotAMember       = "not_a_member"
	TypeOther            = "_OTHER"
)
