package syncmod

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/telemetry"
)

// What a ceremony fails with, or a call is refused with. Failures that are
// somebody's doing come wrapped in a [*PeerError].
var (
	// ErrVersionMismatch: a member runs another version (or this node does).
	ErrVersionMismatch = errors.New("version mismatch")
	// ErrBadSignature: a member signed another definition, or not at all.
	ErrBadSignature = errors.New("bad definition signature")
	// ErrPeerRestarted: a member restarted after step 1, so its state is lost.
	ErrPeerRestarted = errors.New("member restarted")
	// ErrSelfRestarted: this node restarted after step 1, so its state is lost.
	ErrSelfRestarted = errors.New("this node restarted")
	// ErrStepSkipped: a member announced a step that cannot follow its last one.
	ErrStepSkipped = errors.New("step skipped")
	// ErrLeftBehind: a member went on without this node.
	ErrLeftBehind = errors.New("left behind")
	// ErrPeerRejected: a member answered a request of this node with an error.
	ErrPeerRejected = errors.New("rejected by a member")
	// ErrPeerAborted: a member told that its ceremony has failed.
	ErrPeerAborted = errors.New("aborted by a member")
	// ErrPeerTimeout: a member was gone for longer than Config.PeerTimeout.
	ErrPeerTimeout = errors.New("member gone")
	// ErrPeerLeft: a member said goodbye before a barrier that needs it.
	ErrPeerLeft = errors.New("member left early")
	// ErrAborted: this node's own user gave up, see [Ceremony.Abort].
	ErrAborted = errors.New("ceremony aborted")
	// ErrStopped: the ceremony was closed or the service is not running.
	ErrStopped = errors.New("stopped")
	// ErrOpen: a ceremony of this definition is open already.
	ErrOpen = errors.New("already open")
	// ErrInvalid: an argument cannot be.
	ErrInvalid = errors.New("invalid")
)

const startAgain = "the ceremony cannot go on: stop every node and start the ceremony again together"

// PeerError says who made a ceremony fail: the culprit, not whoever passed the
// news on. Unwrap gives one of the package's errors.
type PeerError struct {
	Peer  Peer
	Index int // operator index
	Err   error
}

// Error is a sentence about the member: what it did, and what to do next.
func (e *PeerError) Error() string {
	if c, ok := e.Err.(*cause); ok { //nolint:errorlint // the text of a wrapped cause is not a sentence about the member
		return operator(e.Index, e.Peer) + " " + c.text
	}
	return fmt.Sprintf("%s: %v", operator(e.Index, e.Peer), e.Err)
}

// Unwrap returns Err.
func (e *PeerError) Unwrap() error { return e.Err }

// cause is one of the package's errors with the sentence that explains it. For
// a member the sentence starts with its verb: "restarted: …".
type cause struct {
	sentinel error
	text     string
	nested   error // what this node's user gave as a reason, if anything
}

func (c *cause) Error() string { return c.text }

func (c *cause) Unwrap() []error {
	if c.nested == nil {
		return []error{c.sentinel}
	}
	return []error{c.sentinel, c.nested}
}

// operator names a member in a sentence: "operator 2 (carol)".
func operator(index int, p Peer) string {
	return fmt.Sprintf("operator %d (%s)", index, displayName(p))
}

// displayName is the member's name, or the end of its peer ID when it has none.
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

// explain makes the error of a failure: the one place where the sentence that an
// operator sees is written.
func explain(d Definition, f roster.Failure, nested error) error {
	by := operator(f.By, d.Peers[f.By])
	about := func(sentinel error, format string, args ...any) error {
		return &PeerError{Peer: d.Peers[f.Culprit], Index: f.Culprit, Err: &cause{sentinel: sentinel, text: fmt.Sprintf(format, args...)}}
	}
	switch f.Kind {
	case roster.VersionMismatch:
		theirs := printable(f.Theirs, maxNickname)
		if theirs == "" {
			theirs = "no version"
		}
		return about(ErrVersionMismatch, "runs %s, this node runs %s: all members need the same major and minor version; %s", theirs, f.Wanted, startAgain)
	case roster.BadSignature:
		return about(ErrBadSignature, "did not sign this node's definition %s: all members need the same definition file; %s", shortHash(d.Hash), startAgain)
	case roster.PeerRestarted:
		return about(ErrPeerRestarted, "restarted: its step went from %d to %d; %s", f.From, f.To, startAgain)
	case roster.SelfRestarted:
		return about(ErrSelfRestarted, "is this node and has restarted: %s is at step %d and knows it from before; %s", by, f.To, startAgain)
	case roster.StepSkipped:
		if f.From < 0 {
			return about(ErrStepSkipped, "announced step %d as its first, which has to be 0 or 1; %s", f.To, startAgain)
		}
		return about(ErrStepSkipped, "skipped a step: it went from %d to %d; %s", f.From, f.To, startAgain)
	case roster.LeftBehind:
		return about(ErrLeftBehind, "left this node behind: it is at step %d while this node waits for step %d; %s", f.To, f.From, startAgain)
	case roster.PeerRejected:
		return about(ErrPeerRejected, "refused this node: %q%s", f.Text, unlessSaid(f.Text))
	case roster.PeerAborted:
		if f.By == f.Culprit {
			return about(ErrPeerAborted, "ended the ceremony: %q%s", f.Text, unlessSaid(f.Text))
		}
		return about(ErrPeerAborted, "made the ceremony fail, as %s reports: %q%s", by, f.Text, unlessSaid(f.Text))
	case roster.PeerTimeout:
		return about(ErrPeerTimeout, "has been gone for %s; %s", spell(f.Gone), startAgain)
	case roster.PeerLeft:
		return about(ErrPeerLeft, "said goodbye at step %d, before the barrier of step %d: do all members run the same number of steps? %s", max(f.From, 0), f.To, startAgain)
	case roster.Stopped:
		return &cause{sentinel: ErrStopped, text: "this node was stopped before the ceremony was complete"}
	default:
		return &cause{sentinel: ErrAborted, text: fmt.Sprintf("this node gave up: %v", nested), nested: nested}
	}
}

// unlessSaid is what to do next, unless a member has said so already.
func unlessSaid(text string) string {
	if strings.Contains(text, startAgain) {
		return ""
	}
	return "; " + startAgain
}

// typeOf names a kind of failure for telemetry.
func typeOf(k roster.Kind) string {
	switch k {
	case roster.VersionMismatch:
		return telemetry.TypeVersionMismatch
	case roster.BadSignature:
		return telemetry.TypeBadSignature
	case roster.PeerRestarted:
		return telemetry.TypePeerRestarted
	case roster.SelfRestarted:
		return telemetry.TypeSelfRestarted
	case roster.StepSkipped:
		return telemetry.TypeStepSkipped
	case roster.LeftBehind:
		return telemetry.TypeLeftBehind
	case roster.PeerRejected:
		return telemetry.TypePeerRejected
	case roster.PeerAborted:
		return telemetry.TypePeerAborted
	case roster.PeerTimeout:
		return telemetry.TypePeerTimeout
	case roster.PeerLeft:
		return telemetry.TypePeerLeft
	case roster.Aborted:
		return telemetry.TypeAborted
	case roster.Stopped:
		return telemetry.TypeStopped
	}
	return telemetry.TypeOther
}

// errorType names an error that is no failure of a ceremony for telemetry; it is
// empty for no error.
func errorType(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrVersionMismatch):
		return telemetry.TypeVersionMismatch
	case errors.Is(err, ErrBadSignature):
		return telemetry.TypeBadSignature
	case errors.Is(err, ErrPeerRestarted):
		return telemetry.TypePeerRestarted
	case errors.Is(err, ErrSelfRestarted):
		return telemetry.TypeSelfRestarted
	case errors.Is(err, ErrStepSkipped):
		return telemetry.TypeStepSkipped
	case errors.Is(err, ErrLeftBehind):
		return telemetry.TypeLeftBehind
	case errors.Is(err, ErrPeerRejected):
		return telemetry.TypePeerRejected
	case errors.Is(err, context.DeadlineExceeded):
		return telemetry.TypeDeadlineExceeded
	case errors.Is(err, context.Canceled), errors.Is(err, ErrStopped):
		return telemetry.TypeStopped
	}
	return telemetry.TypeOther
}

// reason is what the other members are told of a failure.
func reason(d Definition, self int, f roster.Failure, err error) string {
	switch f.Kind {
	case roster.PeerAborted:
		if f.Culprit == self && f.By != self {
			return printable(err.Error(), maxReason) // verbatim it would read as if this node had said it of itself
		}
		return f.Text // verbatim: it has passed through hands enough
	case roster.Stopped:
		return operator(self, d.Peers[self]) + " was stopped before the ceremony was complete; " + startAgain
	case roster.Aborted:
		return tellable(operator(self, d.Peers[self]) + strings.TrimPrefix(err.Error(), "this node"))
	default:
		return printable(err.Error(), maxReason)
	}
}

// WaitError says whom a wait was still waiting for when its context ended.
type WaitError struct {
	Barrier string // connected, step or shutdown
	Step    int64
	Missing []PeerStatus
	Err     error // the context's error

	members int // 0 when not known
	at      time.Time
	early   bool // this node itself has not announced the step
}

// Error lists everyone who is missing, and why.
func (e *WaitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "waiting for %d", len(e.Missing))
	if e.members > 0 {
		fmt.Fprintf(&b, " of %d", e.members)
	}
	switch e.Barrier {
	case barrierConnected:
		b.WriteString(" to connect")
	case barrierShutdown:
		b.WriteString(" to say goodbye")
	default:
		fmt.Fprintf(&b, " at step %d", e.Step)
	}
	if e.early {
		b.WriteString(", which this node itself has not announced (SetStep does)")
	}
	at := e.at
	if at.IsZero() {
		at = time.Now()
	}
	for i, p := range e.Missing {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		b.WriteString(sep + displayName(p.Peer) + " (" + p.describe(at) + ")")
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Err }

// spell writes a duration as a person would say it: "40 ms", "1.2 s", "12 s",
// "1 min 5 s".
func spell(d time.Duration) string {
	d = max(d, 0)
	for _, precision := range []struct{ below, unit time.Duration }{
		{10 * time.Millisecond, 100 * time.Microsecond},
		{time.Second, time.Millisecond},
		{10 * time.Second, 100 * time.Millisecond},
		{time.Hour, time.Second},
		{math.MaxInt64, time.Minute},
	} {
		if d < precision.below {
			d = d.Round(precision.unit)
			break
		}
	}
	two := func(large, small time.Duration, largeName, smallName string) string {
		text := fmt.Sprintf("%d %s", d/large, largeName)
		if rest := d % large / small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, smallName)
		}
		return text
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%g ms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%g s", d.Seconds())
	case d < time.Hour:
		return two(time.Minute, time.Second, "min", "s")
	}
	return two(time.Hour, time.Minute, "h", "min")
}
