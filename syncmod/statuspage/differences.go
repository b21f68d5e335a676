package statuspage

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"github.com/dkgsync/dkgsync/syncmod"
)

// difference is why a ceremony failed if a member differs in something that all members must
// share.
type difference struct {
	odd     int    // the member that differs; if the reason is about two others, the one that differs from this node
	what    string // anotherVersion, anotherDefinition or otherMembers
	version string // the member's version, if that differs
}

// aDifference matches how members report a difference. The member that found it is "this node"
// in that text.
var aDifference = regexp.MustCompile(`operator (\d+) \([^"]*?\) ` +
	`(?:runs (.+?), this node runs (v[^\s:]+):|(did not sign) this node's |has other members )`)

// difference returns how a member differs from the others, no matter which member found it and
// from whom this node heard of it. Every member fails for the first reason that it hears, which
// is a matter of chance. A member whose own ceremony has failed tells everyone its reason, and
// that reason may be about a member that agrees with this node. In that case the member that
// tells the reason is the one that differs.
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

// agrees reports whether a member shares with this node what all members must share: this node
// has accepted its requests, or the version is the same.
func (v view) agrees(member int, version string) bool {
	return version != "" && version == v.status.Version ||
		slices.ContainsFunc(v.status.Peers, func(p syncmod.PeerStatus) bool {
			return p.Index == member && p.Inbound && p.Outbound
		})
}

// versions returns the two versions that made the ceremony fail: the member's and this node's.
// who is the member's name. It is empty if the ceremony failed for another reason.
func (v view) versions() (who, theirs, ours string) {
	d, differs := v.difference()
	if !differs || d.what != anotherVersion {
		return "", "", ""
	}
	return v.names[d.odd], d.version, v.status.Version
}
