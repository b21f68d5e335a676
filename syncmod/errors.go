package syncmod

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// The errors that a ceremony fails with, and the errors that refuse a call. A failure
// that a member caused is wrapped in a [*PeerError].
var (
	// ErrVersionMismatch is the failure when a member runs another version.
	ErrVersionMismatch = errors.New("version mismatch")
	// ErrBadSignature is the failure when a member signed another definition, or did
	// not sign at all.
	ErrBadSignature = errors.New("bad definition signature")
	// ErrMembersMismatch is the failure when a member has the same definition hash but
	// a different list of members, or the same members in a different order.
	ErrMembersMismatch = errors.New("different members")
	// ErrPeerRestarted is the failure when a member restarted after step 1 and lost
	// its state.
	ErrPeerRestarted = errors.New("member restarted")
	// ErrSelfRestarted is the failure when this node restarted after step 1 and lost
	// its state.
	ErrSelfRestarted = errors.New("this node restarted")
	// ErrStepSkipped is the failure when a member announced a step that cannot follow
	// its previous step.
	ErrStepSkipped = errors.New("step skipped")
	// ErrLeftBehind is the failure when a member went on without this node.
	ErrLeftBehind = errors.New("left behind")
	// ErrPeerRejected is the failure when a member answered a request of this node
	// with an error.
	ErrPeerRejected = errors.New("rejected by a member")
	// ErrPeerAborted is the failure when another member aborted.
	ErrPeerAborted = errors.New("aborted by a member")
	// ErrPeerTimeout is the failure when a member was gone for longer than
	// Config.PeerTimeout. It blames nobody if the reason is a limit or a setting of
	// this node's own host.
	ErrPeerTimeout = errors.New("member gone")
	// ErrPeerLeft is the failure when a member said goodbye although a barrier
	// still needs that member.
	ErrPeerLeft = errors.New("member left early")
	// ErrResultMismatch is the failure when the members attest different results, or
	// when some attest a result and others do not; see [Ceremony.Attest]. It blames
	// nobody.
	ErrResultMismatch = errors.New("different results")
	// ErrAborted is the failure when this node itself gave up; see [Ceremony.Abort].
	ErrAborted = errors.New("ceremony aborted")
	// ErrStopped is returned when the ceremony was closed, or when the service is not
	// running.
	ErrStopped = errors.New("stopped")
	// ErrHostClosed is the failure when this node's own host was closed. No other
	// member can be reached or told after that.
	ErrHostClosed = errors.New("this node's host is closed")
	// ErrOpen is returned when a ceremony of the definition is already open.
	ErrOpen = errors.New("already open")
	// ErrKeyInUse is the LastError of a member in a status while two processes use the
	// member's key. It never fails a ceremony.
	ErrKeyInUse = errors.New("two processes use this member's key: stop one of them")
	// ErrInvalid is returned for an invalid argument.
	ErrInvalid = errors.New("invalid")
)

const startAgain = "the ceremony cannot go on: stop every node and start the ceremony again together"

// PeerError names the member that made a ceremony fail: the culprit, not the member
// that passed on the news. It wraps one of the package's errors: use errors.Is.
type PeerError struct {
	Peer  Peer  // the culprit, as in the definition
	Index int   // operator index
	Err   error // the cause, which wraps one of the package's errors
}

// Error returns a sentence about the member: what it did, and what to do next.
func (e *PeerError) Error() string {
	// This needs a cause that is not wrapped, because the text of a wrapped cause is not
	// a sentence about the member.
	if c, ok := e.Err.(*cause); ok { //nolint:errorlint // see above
		if c.sentinel == ErrSelfRestarted { //nolint:errorlint // it is never wrapped there
			return fmt.Sprintf("this node (operator %d, %s) %s", e.Index, displayName(e.Peer), c.text)
		}
		return operator(e.Index, e.Peer) + " " + c.text
	}
	return fmt.Sprintf("%s: %v", operator(e.Index, e.Peer), e.Err)
}

// Unwrap returns Err.
func (e *PeerError) Unwrap() error { return e.Err }

// cause is one of the package's errors with the sentence that explains it. For a
// member, the sentence starts with a verb: "restarted: …".
type cause struct {
	sentinel error
	text     string
	local    error // the reason that this node's program gave, if any
}

func (c *cause) Error() string { return c.text }

func (c *cause) Unwrap() []error {
	if c.local == nil {
		return []error{c.sentinel}
	}
	return []error{c.sentinel, c.local}
}

// operator names a member in a sentence: "operator 2 (carol)".
func operator(index int, p Peer) string {
	return fmt.Sprintf("operator %d (%s)", index, displayName(p))
}

// displayName returns the member's name, or the end of its peer ID if it has no name.
func displayName(p Peer) string {
	if name := printable(p.Name, 2*maxNickname); name != "" {
		return name
	}
	id := p.ID.String()
	const enough = 8
	if len(id) > enough {
		return "…" + id[len(id)-enough:]
	}
	return id
}

// unlessSaid returns what to do next, unless the text of a member says so already.
func unlessSaid(text string) string {
	if strings.Contains(text, startAgain) {
		return ""
	}
	return "; " + startAgain
}

// abortText returns what the other members are told about a failure.
func abortText(d Definition, self int, f roster.Failure, err error) string {
	switch f.Kind {
	case roster.PeerAborted:
		if f.Culprit == self && f.By != self {
			// If f.Text were passed on verbatim, it would read as if this node had said it about itself.
			return printable(err.Error(), maxReason)
		}
		return f.Text // verbatim, however often it has been passed on
	case roster.ResultMismatch:
		// Verbatim too: a member reported it. If this node finds the difference,
		// the text comes from the method core.differing.
		return f.Text
	case roster.SelfRestarted:
		who := operator(f.Culprit, d.Peers[f.Culprit])
		return printable(who+" "+kindOf(f.Kind).sentence(d, f), maxReason) // the others must not read "this node"
	case roster.Stopped:
		return operator(self, d.Peers[self]) + " was stopped before the ceremony was complete; " + startAgain
	case roster.Aborted:
		why := tellable(strings.TrimPrefix(err.Error(), "this node "))
		return printable(operator(self, d.Peers[self])+" "+why, maxReason)
	default:
		return printable(err.Error(), maxReason)
	}
}

// WaitError says which members a wait was still waiting for when its context ended.
type WaitError struct {
	Barrier string       // connected, step, or shutdown (the goodbyes)
	Step    int64        // the step of the barrier, or the step that this node was at
	Since   time.Time    // when this node's wait at the barrier began; zero: unknown
	Missing []PeerStatus // in operator order
	Err     error        // the context's error

	members int // 0: unknown
	at      time.Time
	early   bool   // this node itself has not announced the step
	who     string // the missing members, with the reasons; empty: made from Missing
	advice  string // what is wrong with the wait itself
}

// Error says which members are missing, and why. Pairs of members that cannot reach
// each other come first, then the members that are not connected.
func (e *WaitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "waiting for %d", len(e.Missing))
	if e.members > 0 {
		fmt.Fprintf(&b, " of %d", e.members)
	}
	switch e.Barrier {
	case report.BarrierConnected:
		b.WriteString(" to connect")
	case report.BarrierShutdown:
		b.WriteString(" to say goodbye")
	default:
		fmt.Fprintf(&b, " at step %d", e.Step)
	}
	if e.early {
		b.WriteString(", which this node itself has not announced (call SetStep)")
	}
	at := e.at
	if at.IsZero() {
		at = time.Now()
	}
	text := e.who
	if text == "" {
		text = who(at, nil, nil, e.Missing)
	}
	if text != "" {
		b.WriteString(": " + text)
	}
	if e.Err != nil && !errors.Is(e.Err, context.Canceled) && !errors.Is(e.Err, context.DeadlineExceeded) {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.advice != "" {
		b.WriteString("; " + e.advice)
	}
	return b.String()
}

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Err }
