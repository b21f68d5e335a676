package statuspage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Kind says what a headline is about: a display has a colour and a word for each.
type Kind string

// The kinds of headline.
const (
	KindWaiting  Kind = "waiting"  // for other members
	KindWorking  Kind = "working"  // this node works, and nobody waits for it
	KindOurTurn  Kind = "our_turn" // the others wait for this node
	KindComplete Kind = "complete"
	KindFailed   Kind = "failed"
)

// headline says in one line how a ceremony stands. It has no times in it: it is read aloud
// whenever it changes.
func (v view) headline() (Kind, string) {
	w := v.status.WaitingFor()
	switch {
	case v.status.Phase == syncmod.Failed && v.status.Retried:
		return KindFailed, "This attempt has failed: " + v.failure() + ". Another one follows"
	case v.status.Phase == syncmod.Failed:
		return KindFailed, "The ceremony has failed: " + v.failure()
	case v.status.Phase == syncmod.Complete && w != nil:
		return KindComplete, "The ceremony is complete, but " + v.missing(w) + " did not say goodbye"
	case v.status.Phase == syncmod.Complete:
		return KindComplete, "The ceremony is complete"
	case w == nil && v.status.Step == 0:
		return KindOurTurn, "Everyone is connected, and this node has not begun step 1"
	case w == nil:
		if ahead := v.ahead(); len(ahead) > 0 {
			return KindOurTurn, fmt.Sprintf("%s %s for this node, which works on %s",
				list(ahead), plural(len(ahead), "waits", "wait"), v.step())
		}
		return KindWorking, "This node works on " + v.step()
	case w.Barrier == "connected":
		return KindWaiting, "Waiting for " + v.missing(w) + " to connect"
	case w.Barrier == "shutdown":
		return KindComplete, "The ceremony has succeeded. Waiting for " + v.missing(w) + " to say goodbye"
	}
	return KindWaiting, "Waiting for " + v.missing(w) + " at " + v.step()
}

// missing names whom a wait is for.
func (v view) missing(w *syncmod.WaitError) string {
	var names []string
	for _, p := range w.Missing {
		names = append(names, v.names[p.Index])
	}
	text := list(names)
	if v.apart(w) {
		text += ", who cannot reach each other,"
		if len(names) > len([2]int{}) {
			text = list(names) + ", some of whom cannot reach each other,"
		}
	}
	return text
}

// apart reports whether all whom a wait is for are in pairs that cannot reach each other.
func (v view) apart(w *syncmod.WaitError) bool {
	for _, p := range w.Missing {
		if !v.isApart(p.Index) {
			return false
		}
	}
	return len(w.Missing) > 1
}

// isApart reports whether a member is in a broken pair with another one than this node.
func (v view) isApart(member int) bool {
	return slices.ContainsFunc(v.status.Broken, func(b syncmod.BrokenLink) bool {
		return b.A != v.self && b.B != v.self && (b.A == member || b.B == member)
	})
}

// step names the current step: "step 2 of 5 (deal)".
func (v view) step() string {
	s := v.status
	if s.Phase == syncmod.Completing {
		return "the last barrier"
	}
	text := fmt.Sprintf("step %d", s.Step)
	if n := len(s.Steps); n > 0 && s.Step <= int64(n) {
		text += fmt.Sprintf(" of %d", n)
	}
	if s.StepName != "" {
		text += " (" + s.StepName + ")"
	}
	return text
}

// ahead names the members that have finished the step that this node works on.
func (v view) ahead() (names []string) {
	for _, p := range v.status.Peers {
		if p.Step > v.status.Step {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// failures are the errors in a few words. With a member in front of it the first, else the
// second.
var failures = []struct {
	err      error
	of, none string
	whose    whose
}{
	{syncmod.ErrVersionMismatch, "runs another version", "another version", unknown},
	{syncmod.ErrBadSignature, "has another definition", "another definition", unknown},
	{syncmod.ErrMembersMismatch, "lists other members", "other members", unknown},
	{syncmod.ErrSelfRestarted, "restarted", "this node restarted", ours},
	{syncmod.ErrPeerRestarted, "restarted", "a member restarted", theirs},
	{syncmod.ErrStepSkipped, "skipped a step", "a step was skipped", theirs},
	{syncmod.ErrLeftBehind, "went on without this node", "this node was left behind", unknown},
	{syncmod.ErrPeerRejected, "refuses this node", "this node was refused", unknown},
	{syncmod.ErrPeerAborted, "ended it", "a member ended it", theirs},
	{syncmod.ErrPeerTimeout, "is gone", "this node cannot reach a member", ours},
	{syncmod.ErrPeerLeft, "left early", "a member left early", theirs},
	{syncmod.ErrResultMismatch, "has another result", "the members have different results", unknown},
	{syncmod.ErrHostClosed, "closed its host", "this node's host was closed", ours},
	{syncmod.ErrStopped, "was stopped", "this node was stopped", ours},
	{syncmod.ErrAborted, "gave up", "this node gave up", ours},
}

// whose it is to mend a failure.
type whose int

const (
	theirs whose = iota
	ours
	unknown
)

// failure says in a few words why a ceremony has failed.
func (v view) failure() string {
	err := v.status.Err
	culprit, named := errors.AsType[*syncmod.PeerError](err)
	for _, f := range failures {
		switch {
		case !errors.Is(err, f.err):
		case named && culprit.Index != v.self:
			return v.names[culprit.Index] + " " + f.of
		case named:
			return "this node " + f.of
		default:
			return f.none
		}
	}
	return "read why below"
}

// blames says whose it is to mend the failure.
func (v view) blames() (whose, string) {
	culprit, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	for _, f := range failures {
		switch {
		case !errors.Is(v.status.Err, f.err):
		case f.whose == unknown:
			return unknown, ""
		case named && culprit.Index != v.self:
			return theirs, v.names[culprit.Index]
		case named:
			return ours, ""
		default:
			return f.whose, ""
		}
	}
	return unknown, ""
}
