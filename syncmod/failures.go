package syncmod

import (
	"context"
	"errors"
	"fmt"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// failureKind is everything that is known about one kind of failure.
type failureKind struct {
	kind      roster.Kind
	sentinel  error
	errorType string // for telemetry
	mend      mend
	// sentence says what happened and what to do next. It starts with the verb: its
	// subject is the culprit. It is nil for a failure whose error is not a
	// PeerError.
	sentence func(Definition, roster.Failure) string
}

// mend says whether another attempt may mend a failure.
type mend int

const (
	permanent mend = iota
	mendable
)

// failureKinds has a row for each kind of failure.
var failureKinds = [...]failureKind{
	{roster.VersionMismatch, ErrVersionMismatch, report.TypeVersionMismatch, permanent, versionMismatch},
	{roster.BadSignature, ErrBadSignature, report.TypeBadSignature, permanent, badSignature},
	{roster.MembersMismatch, ErrMembersMismatch, report.TypeMembersMismatch, permanent, membersMismatch},
	{roster.PeerRestarted, ErrPeerRestarted, report.TypePeerRestarted, mendable, peerRestarted},
	{roster.AttemptMismatch, ErrPeerRestarted, report.TypePeerRestarted, mendable, nil},
	{roster.ResultMismatch, ErrResultMismatch, report.TypeResultMismatch, permanent, nil},
	{roster.SelfRestarted, ErrSelfRestarted, report.TypeSelfRestarted, mendable, selfRestarted},
	{roster.StepSkipped, ErrStepSkipped, report.TypeStepSkipped, mendable, stepSkipped},
	{roster.LeftBehind, ErrLeftBehind, report.TypeLeftBehind, mendable, leftBehind},
	{roster.PeerRejected, ErrPeerRejected, report.TypePeerRejected, mendable, peerRejected},
	{roster.PeerAborted, ErrPeerAborted, report.TypePeerAborted, mendable, peerAborted},
	{roster.PeerTimeout, ErrPeerTimeout, report.TypePeerTimeout, mendable, peerTimeout},
	{roster.PeerLeft, ErrPeerLeft, report.TypePeerLeft, mendable, peerLeft},
	{roster.Aborted, ErrAborted, report.TypeAborted, mendable, nil},
	{roster.Stopped, ErrStopped, report.TypeStopped, permanent, nil},
	{roster.HostClosed, ErrHostClosed, report.TypeHostClosed, permanent, nil},
}

func versionMismatch(_ Definition, f roster.Failure) string {
	theirs := printable(f.Theirs, maxNickname)
	if theirs == "" {
		theirs = "an unknown version"
	}
	return fmt.Sprintf("runs %s, this node runs %s: all members need the same major and minor version; %s",
		theirs, f.Wanted, startAgain)
}

func badSignature(d Definition, _ roster.Failure) string {
	return fmt.Sprintf("did not sign this node's definition %s: all members need the same definition file; %s",
		shortHash(d.Hash), startAgain)
}

func membersMismatch(d Definition, _ roster.Failure) string {
	return fmt.Sprintf("has other members for definition %s than this node, or lists them in another order: "+
		"all members need the same definition file; %s", shortHash(d.Hash), startAgain)
}

func peerRestarted(_ Definition, f roster.Failure) string {
	return fmt.Sprintf("restarted: its step went from %d to %d; %s", f.From, f.To, startAgain)
}

func selfRestarted(d Definition, f roster.Failure) string {
	return fmt.Sprintf("restarted: %s is already at step %d; %s", operator(f.By, d.Peers[f.By]), f.To, startAgain)
}

func stepSkipped(_ Definition, f roster.Failure) string {
	if f.From < 0 {
		return fmt.Sprintf("announced step %d as its first; the first must be 0 or 1; %s", f.To, startAgain)
	}
	return fmt.Sprintf("skipped a step: it went from %d to %d; %s", f.From, f.To, startAgain)
}

func leftBehind(_ Definition, f roster.Failure) string {
	return fmt.Sprintf("left this node behind: it is at step %d while this node waits for step %d; %s",
		f.To, f.From, startAgain)
}

func peerRejected(_ Definition, f roster.Failure) string {
	return fmt.Sprintf("refused this node: %q%s", f.Text, unlessSaid(f.Text))
}

func peerAborted(d Definition, f roster.Failure) string {
	if f.By == f.Culprit {
		return fmt.Sprintf("ended the ceremony: %q%s", f.Text, unlessSaid(f.Text))
	}
	return fmt.Sprintf("made the ceremony fail, according to %s: %q%s", reporters(d, f), f.Text, unlessSaid(f.Text))
}

func resultMismatch(d Definition, f roster.Failure) string {
	return fmt.Sprintf("the results differ, according to %s: %q%s", reporters(d, f), f.Text, unlessSaid(f.Text))
}

// reporters says who reported an abort to this node, and who first reported it.
func reporters(d Definition, f roster.Failure) string {
	by := operator(f.By, d.Peers[f.By])
	if f.Reporter >= 0 && f.Reporter != f.By {
		by += ", who heard it from " + operator(f.Reporter, d.Peers[f.Reporter])
	}
	return by
}

func peerTimeout(_ Definition, f roster.Failure) string {
	gone := "has been gone"
	switch {
	case f.NotHeard && !f.NotReached:
		gone = "has not been heard from"
	case f.NotReached && !f.NotHeard:
		gone = "can be heard, but has not been reached"
	}
	why := ""
	if f.Text != "" {
		why = " (" + f.Text + ")"
	}
	return fmt.Sprintf("%s for %s%s; %s", gone, report.Spell(f.Gone), why, startAgain)
}

func peerLeft(_ Definition, f roster.Failure) string {
	return fmt.Sprintf("said goodbye at step %d, but step %d was still to come: "+
		"do all members run the same number of steps? %s", max(f.From, 0), f.To, startAgain)
}

// kindOf returns the row of a kind.
func kindOf(k roster.Kind) *failureKind {
	for i := range failureKinds {
		if row := &failureKinds[i]; row.kind == k {
			return row
		}
	}
	return &failureKind{kind: k, sentinel: ErrAborted, errorType: report.TypeOther}
}

// explain makes the error of a failure, with the sentence that an operator sees.
// The local cause is the reason that this node's program gave, if any.
func explain(d Definition, f roster.Failure, localCause error) error {
	row := kindOf(f.Kind)
	switch {
	case row.sentence != nil:
		text := row.sentence(d, f)
		why := &cause{sentinel: row.sentinel, text: text}
		return &PeerError{Peer: d.Peers[f.Culprit].clone(), Index: f.Culprit, Err: why}
	case f.Kind == roster.AttemptMismatch: // the digest does not say who caused it
		text := "the members are in different attempts of the ceremony: one of them has restarted; " + startAgain
		return &cause{sentinel: row.sentinel, text: text}
	case f.Kind == roster.ResultMismatch: // as a member reported it
		return &cause{sentinel: row.sentinel, text: resultMismatch(d, f)}
	case f.Kind == roster.Stopped:
		return &cause{sentinel: row.sentinel, text: "this node was stopped before the ceremony was complete"}
	case f.Kind == roster.HostClosed:
		return &cause{sentinel: row.sentinel, text: "this node's own host was closed before the ceremony was " +
			"complete: close the ceremony first, then the host; " + startAgain}
	default:
		text := fmt.Sprintf("this node gave up: %v", localCause)
		return &cause{sentinel: row.sentinel, text: text, local: localCause}
	}
}

// errorType returns the telemetry name of an error that is not the failure of a
// ceremony. It is empty for nil.
func errorType(err error) string {
	if err == nil {
		return ""
	}
	for i := range failureKinds {
		if row := &failureKinds[i]; errors.Is(err, row.sentinel) {
			return row.errorType
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return report.TypeDeadlineExceeded
	case errors.Is(err, context.Canceled):
		return report.TypeStopped
	}
	return report.TypeOther
}
