package dkg

import (
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// MemberError says which member failed an attempt, and what it did.
type MemberError struct {
	Index int // operator index
	Peer  syncmod.Peer

	text string // "gave no key …"
	err  error  // why the member could not be reached; may be nil
}

// Error returns a sentence about the member.
func (e *MemberError) Error() string {
	text := operator(e.Index, e.Peer) + " " + e.text
	if e.err != nil {
		text += ": " + strings.Join(strings.Fields(e.err.Error()), " ") // libp2p lists addresses in lines
	}
	return text
}

// Unwrap returns why the member could not be reached, or nil if that was not the problem.
func (e *MemberError) Unwrap() error { return e.err }

// blame makes a MemberError about a member.
func (a *attempt) blame(member int, format string, args ...any) *MemberError {
	return &MemberError{Index: member, Peer: a.members[member], text: fmt.Sprintf(format, args...)}
}

// name names a member in a sentence: "operator 2 (carol)".
func (a *attempt) name(member int) string { return operator(member, a.members[member]) }

func operator(index int, p syncmod.Peer) string {
	name := p.Name
	if id := p.ID.String(); name == "" {
		const enough = 8
		name = "…" + id[max(len(id)-enough, 0):]
	}
	return fmt.Sprintf("operator %d (%s)", index, name)
}
