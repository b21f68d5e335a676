// Package report holds the values by which a ceremony says what has happened to
// it. The synchronizer fills them in, package telemetry turns each into spans,
// metrics and log lines.
//
// A value is kept until it has been reported: its slices must not be modified
// once it has been handed over.
package report

import (
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Peer is a member as reports name it.
type Peer struct {
	Index int
	ID    string
	Name  string // printable

	Service string // what telemetry calls its node
}

// Info identifies the ceremony that reports are about.
type Info struct {
	Hash  []byte // the definition hash
	Index int    // this node's operator index
	Peers []Peer // all members, in operator order

	Attempt int   // which attempt of the definition this is, from 1
	Before  error // why the one before has failed

	Observes bool // this node only looks
}

// Pause is the pause between an attempt that has failed and the next one.
type Pause struct {
	At    time.Time // when it began
	Lasts time.Duration
	Err   error // why the attempt has failed
}

// Member is a change in the standing of a member.
type Member struct {
	Peer      int
	What      string // one of the Member constants
	At        time.Time
	Connected int   // how many members are now connected both ways, this node included
	Err       error // why it was lost
}

// What can happen to a member.
const (
	MemberConnected = "connected"
	MemberLost      = "lost"
	MemberReplaced  = "starts again, as a new process or in a new attempt"
	MemberKeyInUse  = "runs twice: two processes use its key, stop one of them"
	MemberGoodbye   = "said goodbye"
)

// Connect is the outcome of a connect or reconnect, from its first attempt to the
// first valid response, or one part of a connect that keeps failing.
type Connect struct {
	Peer     int
	Started  time.Time // when the part began
	Ended    time.Time
	Since    time.Time // when the first attempt began; zero: when the part did
	Attempts int
	Relayed  bool
	Reason   string // why the previous stream ended: one of the End constants; empty for the first connect
	Lost     Span   // the previous stream; nil for the first connect
	Over     bool   // the ceremony ended before the connect succeeded
	Again    bool   // a part of the same connect was logged a short time ago
	Err      error  // why it has not succeeded
	Type     string // one of the Type constants; empty without Err
}

// Span is what another span can link to. Its span context is invalid until the
// span exists.
type Span interface {
	SpanContext() trace.SpanContext
}

// Barrier is the outcome of a barrier, from its announcement to its release.
type Barrier struct {
	Kind     string // one of the Barrier constants
	Step     int64
	Name     string // the step's name, if it has one
	Before   string // the name of the step before it, if it has one
	Started  time.Time
	Ended    time.Time
	Arrivals []time.Time // when each member arrived, by operator index; zero: not at all, or unknown
	Last     int         // operator index of the last member to arrive
	Result   string      // what the members attest at the last barrier, shortened; empty: nothing
	Attested string      // the same as a sentence, with how many do
	Err      error
	Type     string // one of the Type constants; empty without Err
}

// Behind is how much later than the last but one the last member arrived at a step; 0
// where that is not known.
func Behind(arrivals []time.Time) time.Duration {
	var last, before time.Time
	for _, at := range arrivals {
		switch {
		case at.After(last):
			last, before = at, last
		case at.After(before):
			before = at
		}
	}
	if before.IsZero() {
		return 0
	}
	return last.Sub(before)
}

// WaitReport is one part of a wait at a barrier that goes on.
type WaitReport struct {
	Kind    string // one of the Barrier constants
	Step    int64
	Name    string    // the step's name, if it has one
	Started time.Time // when the part began
	Ended   time.Time
	Elapsed time.Duration // since the barrier was announced
	Missing []int         // operator indexes
	Who     string        // the missing members in words, with the reasons
	Broken  []string      // pairs of members that cannot reach each other, by operator index: "1-2"
}

// The kinds of barrier.
const (
	BarrierConnected = "connected" // all members are connected, both ways
	BarrierStep      = "step"      // all members have reached a step
	BarrierShutdown  = "shutdown"  // all members have said goodbye, both ways
)

// Step is the work between two barriers.
type Step struct {
	Step    int64
	Name    string
	Started time.Time
	Ended   time.Time
}

// End is the end of a ceremony.
type End struct {
	Outcome    string // one of the Outcome constants
	Step       int64
	Reconnects int
	Started    time.Time
	Ended      time.Time
	Err        error  // why it failed
	Type       string // one of the Type constants; empty without Err
	GoodbyeErr error  // names the members that did not say goodbye in a complete ceremony
}

// The outcomes of a ceremony.
const (
	OutcomeComplete = "complete"
	OutcomeFailed   = "failed"
	OutcomeStopped  = "stopped"
)
