package statuspage

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// The paths to a member.
const (
	pathSelf    = "this node"
	pathDirect  = "direct"
	pathRelay   = "relay"
	pathReached = "only from it"
	pathReaches = "only to it"
	pathLeft    = "left" // it has said goodbye
	pathNone    = "none"
)

func pathOf(p syncmod.PeerStatus) string {
	switch {
	case p.Done:
		return pathLeft
	case p.Inbound && p.Outbound && p.Relayed:
		return pathRelay
	case p.Inbound && p.Outbound:
		return pathDirect
	case p.Inbound:
		return pathReached
	case p.Outbound:
		return pathReaches
	}
	return pathNone
}

// The links of a member are a text with one character for each member.
const (
	linkSelf    = '-'
	linkBoth    = '='
	linkRelay   = '~'
	linkOut     = '>' // only towards the other member
	linkIn      = '<' // only from the other member
	linkNone    = '!'
	linkDone    = 'g' // the other member has said goodbye
	linkUnknown = '?' // the member does not say
)

func linkOf(l syncmod.Link) rune {
	switch {
	case l.Done:
		return linkDone
	case l.Inbound && l.Outbound && l.Relayed:
		return linkRelay
	case l.Inbound && l.Outbound:
		return linkBoth
	case l.Outbound:
		return linkOut
	case l.Inbound:
		return linkIn
	}
	return linkNone
}

// linksOf returns how a member sees all members. In a ceremony that is over, it is what the
// member last said.
func (v view) linksOf(p syncmod.PeerStatus) string {
	members := len(v.def.Peers)
	if members > maxDrawn {
		return ""
	}
	if p.View == nil && !v.ended.IsZero() && p.Index < len(v.seen) {
		p.View = v.seen[p.Index]
	}
	var b strings.Builder
	for i := range members {
		switch {
		case i == p.Index:
			b.WriteRune(linkSelf)
		case i < len(p.View):
			link := p.View[i]
			link.Done = link.Done || v.hasLeft(i)
			b.WriteRune(linkOf(link))
		default:
			b.WriteRune(linkUnknown)
		}
	}
	return b.String()
}

// hasLeft reports whether a member, or this node, said goodbye in a ceremony that is complete.
// What others said about it earlier is no longer true.
func (v view) hasLeft(member int) bool {
	if v.ended.IsZero() || v.status.Phase != syncmod.Complete {
		return false
	}
	return member == v.self || slices.ContainsFunc(v.status.Peers, func(p syncmod.PeerStatus) bool {
		return p.Index == member && p.Done
	})
}

// ownLinks returns how this node sees all members.
func (v view) ownLinks() string {
	if len(v.def.Peers) > maxDrawn {
		return ""
	}
	var b strings.Builder
	for i, p := range v.status.Peers {
		if i == v.self {
			b.WriteRune(linkSelf)
		}
		b.WriteRune(linkOf(syncmod.Link{Inbound: p.Inbound, Outbound: p.Outbound, Relayed: p.Relayed, Done: p.Done}))
	}
	if v.self == len(v.status.Peers) {
		b.WriteRune(linkSelf)
	}
	return b.String()
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// brief returns the beginning of a hash, as syncmod's texts show it.
func brief(hash []byte) string {
	const shown = 8
	if len(hash) <= shown {
		return hexOf(hash)
	}
	return hexOf(hash[:shown]) + "…"
}
