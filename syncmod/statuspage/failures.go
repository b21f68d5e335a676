package statuspage

import (
	"errors"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// failures has a short text for each error. The first text follows the name of a member; the
// second is used without one.
var failures = []struct {
	err      error
	of, none string
	whose    whose
}{
	{syncmod.ErrVersionMismatch, anotherVersion, "different versions", unknown},
	{syncmod.ErrBadSignature, anotherDefinition, "different definitions", unknown},
	{syncmod.ErrMembersMismatch, otherMembers, "different lists of members", unknown},
	{syncmod.ErrSelfRestarted, "'s node restarted", "this node restarted", ours},
	{syncmod.ErrPeerRestarted, "'s node restarted", "a member restarted", theirs},
	{syncmod.ErrStepSkipped, " skipped a step", "a step was skipped", theirs},
	{syncmod.ErrLeftBehind, " went on without this node", "this node was left behind", unknown},
	{syncmod.ErrPeerRejected, " refuses this node", "this node was refused", unknown},
	{syncmod.ErrPeerAborted, " ended it", "a member ended it", theirs},
	{syncmod.ErrPeerTimeout, " is gone", "this node cannot reach a member", ours},
	{syncmod.ErrPeerLeft, " left early", "a member left early", theirs},
	{syncmod.ErrResultMismatch, " has a different result", "the members have different results", unknown},
	{syncmod.ErrHostClosed, " closed its host", "this node's host was closed", ours},
	{syncmod.ErrStopped, " was stopped", "this node was stopped", ours},
	{syncmod.ErrAborted, " gave up", "this node gave up", ours},
}

// What must be fixed before everyone starts again.
const (
	anotherVersion    = " runs a different version"
	anotherDefinition = " has a different definition"
	otherMembers      = " lists different members"
)

// whose is the answer to the question who can fix a failure.
type whose int

const (
	theirs whose = iota
	ours
	unknown
)

// failure says in a few words why the ceremony failed.
func (v view) failure() string {
	if differ := v.differing(); len(differ) > 0 {
		return list(possessive(v.called(differ))) + plural(len(differ), " result differs", " results differ")
	}
	if d, ok := v.difference(); ok {
		return v.names[d.odd] + d.what
	}
	if _, text, ok := v.told(); ok {
		return text
	}
	culprit, named := v.culprit()
	for _, f := range failures {
		switch {
		case !errors.Is(v.status.Err, f.err):
		case named && culprit != v.self:
			return v.names[culprit] + f.of
		case named:
			return "this node" + strings.TrimPrefix(f.of, "'s node")
		default:
			return f.none
		}
	}
	return "read why below"
}

// blames returns who can fix the failure, and the name of that member if it is not
// this node and is known.
func (v view) blames() (whose, string) {
	if _, ok := v.difference(); ok {
		return unknown, ""
	}
	if teller, ok := v.teller(); ok {
		return theirs, v.names[teller]
	}
	culprit, named := v.culprit()
	for _, f := range failures {
		switch {
		case !errors.Is(v.status.Err, f.err):
		case f.whose == unknown:
			return unknown, ""
		case named && culprit != v.self:
			return theirs, v.names[culprit]
		case named:
			return ours, ""
		default:
			return f.whose, ""
		}
	}
	return unknown, ""
}
