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

// The links of a member are a text with a character for each member.
const (
	linkSelf    = '-'
	linkBoth    = '='
	linkRelay   = '~'
	linkOut     = '>' // only to the other one
	linkIn      = '<' // only from the other one
	linkNone    = '!'
	linkDone    = 'g' // has said goodbye
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

// linksOf is how a member says that it sees all, in a ceremony that is over how it last said.
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

// hasLeft reports whether a member, or this node, has said goodbye at the end: what others said
// of it before that holds no more.
func (v view) hasLeft(member int) bool {
	if v.ended.IsZero() || v.status.Phase != syncmod.Complete {
		return false
	}
	return member == v.self || slices.ContainsFunc(v.status.Peers, func(p syncmod.PeerStatus) bool {
		return p.Index == member && p.Done
	})
}

// ownLinks is how this node sees all.
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

// brief is the beginning of a hash, as syncmod's texts have it.
func brief(hash []byte) string {
	const shown = 8
	if len(hash) <= shown {
		return hexOf(hash)
	}
	return hexOf(hash[:shown]) + "…"
}
