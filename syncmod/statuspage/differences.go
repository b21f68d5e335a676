package statuspage

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"github.com/dkgsync/dkgsync/syncmod"
)

// difference is what made a ceremony fail if a member does not have what all members need to
// share.
type difference struct {
	odd     int    // the member; of two others, the one that differs from this node
	what    string // anotherVersion, anotherDefinition or otherMembers
	version string // the member's, if that is what differs
}

// aDifference is how the members say it. Whoever has found it out is "this node" there.
var aDifference = regexp.MustCompile(`operator (\d+) \([^"]*?\) ` +
	`(?:runs (.+?), this node runs (v[^\s:]+):|(did not sign) this node's |has other members )`)

// difference says what a member does not share, whoever has found it out and by whomever this
// node has heard: every member ends by the first that it hears, and that is a matter of chance.
// A member whose own ceremony has failed tells the reason to all, and then that reason may be
// about a member that does not differ from this node. So the one that does is the teller.
func (v view) difference() (d difference, differs bool) {
	if !slices.ContainsFunc([]error{
		syncmod.ErrVersionMismatch, syncmod.ErrBadSignature, syncmod.ErrMembersMismatch,
		syncmod.ErrPeerRejected, syncmod.ErrPeerAborted,
	}, func(kind error) bool { return errors.Is(v.status.Err, kind) }) {
		return difference{}, false
	}
	text := v.status.Err.Error()
	at := aDifference.FindStringSubmatchIndex(text)
	if at == nil {
		return difference{}, false
	}
	part := func(n int) string {
		if at[2*n] < 0 {
			return ""
		}
		return text[at[2*n]:at[2*n+1]]
	}
	about, err := strconv.Atoi(part(1))
	if err != nil || about >= len(v.names) {
		return difference{}, false
	}
	teller := v.self
	if before := v.operators(text[:at[0]]); len(before) > 0 {
		teller = before[len(before)-1]
	}
	d = difference{odd: about, what: otherMembers, version: part(2)}
	switch {
	case part(2) != "":
		d.what = anotherVersion
	case part(4) != "":
		d.what = anotherDefinition
	}
	if about == v.self || teller != v.self && v.agrees(about, part(2)) {
		d.odd, d.version = teller, part(3)
	}
	return d, d.odd != v.self
}

// agrees reports whether a member shares with this node what all have to: this node has
// accepted what it says, or its version is the same.
func (v view) agrees(member int, version string) bool {
	return version != "" && version == v.status.Version ||
		slices.ContainsFunc(v.status.Peers, func(p syncmod.PeerStatus) bool {
			return p.Index == member && p.Inbound && p.Outbound
		})
}

// versions are those that made the ceremony fail, of a member and of this node. Without a name
// it was something else.
func (v view) versions() (who, theirs, ours string) {
	d, differs := v.difference()
	if !differs || d.what != anotherVersion {
		return "", "", ""
	}
	return v.names[d.odd], d.version, v.status.Version
}
