// Package report contains the values that describe what happens in a ceremony. Package
// syncmod fills them in, and package telemetry turns them into spans, metrics and log
// lines.
//
// Package telemetry keeps a value until it has reported it. Do not modify the slices of
// a value after you have passed it on.
package report

import (
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Peer identifies a member in reports.
type Peer struct {
	Index int
	ID    string
	Name  string // printable

	Service string // the name of the member's node in telemetry
}

// Info identifies the ceremony that reports are about.
type Info struct {
	Hash  []byte // the definition hash
	Index int    // this node's operator index
	Peers []Peer // all members, in operator order

	Attempt int   // the number of this attempt, from 1
	Before  error // why the previous attempt failed

	Observes bool // this node only watches the ceremony and takes no part in it (a rehearsal)
}

// Pause is the pause between a failed attempt and the next one.
type Pause struct {
	At    time.Time // when it began
	Lasts time.Duration
	Err   error // why the attempt failed
}

// Member is a change in the state of a member.
type Member struct {
	Peer      int
	What      string // one of the Member constants
	At        time.Time
	Connected int   // how many members are now connected in both directions, this node included
	Err       error // why it was lost
}

// The changes in the state of a member.
const (
	MemberConnected = "connected"
	MemberLost      = "lost"
	MemberReplaced  = "starts again, as a new process or in a new attempt"
	MemberKeyInUse  = "runs twice: two processes use its key, stop one of them"
	MemberGoodbye   = "said goodbye"
)

// Connect is the outcome of a connect or reconnect, from its first attempt to the
// first valid response. While a connect keeps failing, each Connect is one slice of
// it.
type Connect struct {
	Peer     int
	Started  time.Time // when the slice began
	Ended    time.Time
	Since    time.Time // when the first attempt began; zero: at Started
	Attempts int
	Relayed  bool
	Reason   string // why the previous stream ended: one of the End constants; empty for the first connect
	Lost     Span   // the previous stream; nil for the first connect
	Over     bool   // the ceremony ended before the connect succeeded
	Again    bool   // a slice of the same connect was logged a short time ago
	Err      error  // why it did not succeed
	Type     string // one of the Type constants; empty without Err
}

// Span is a span that another span can link to. Its span context is invalid until the
// span exists.
type Span interface {
	SpanContext() trace.SpanContext
}

// Barrier is the outcome of a barrier, from its announcement until it was passed or
// failed.
type Barrier struct {
	Kind     string // one of the Barrier constants
	Step     int64
	Name     string // the step's name, if it has one
	Before   string // the name of the step before it, if it has one
	Started  time.Time
	Ended    time.Time
	Arrivals []time.Time // when each member arrived, by operator index; zero: it did not, or unknown
	Last     int         // operator index of the last member to arrive
	Result   string      // the result that the members attest at the last barrier, shortened; may be empty
	Attested string      // this result in a sentence, with the number of members
	Err      error
	Type     string // one of the Type constants; empty without Err
}

// Behind returns how much later the last member arrived at a step than the member before
// it, or 0 if that is not known.
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

// WaitReport is one slice of a wait at a barrier while the wait goes on.
type WaitReport struct {
	Kind    string // one of the Barrier constants
	Step    int64
	Name    string    // the step's name, if it has one
	Started time.Time // when the slice began
	Ended   time.Time
	Elapsed time.Duration // since the barrier was announced
	Missing []int         // operator indexes
	Who     string        // the missing members in words, with reasons
	Broken  []string      // pairs of members that cannot reach each other, by operator index: "1-2"
}

// The kinds of barriers. The comments say when a barrier is passed.
const (
	BarrierConnected = "connected" // all members are connected in both directions
	BarrierStep      = "step"      // all members have reached a step
	BarrierShutdown  = "shutdown"  // all members have said goodbye in both directions
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
