package syncmod

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

const (
	maxHash    = 64
	minMembers = 2
	maxMembers = 1024
)

// Definition identifies a ceremony: the hash that every member signs, and the
// members.
type Definition struct {
	// Hash is the definition hash: 1 to 64 bytes, 32 in Charon clusters. Members with
	// different hashes are in different ceremonies, and wait for each other.
	Hash []byte
	// Peers lists every member in operator order, this node included: at least 2, at
	// most 1024. A member's place in the list is its operator index.
	Peers []Peer
}

// Peer is a member of a ceremony.
type Peer struct {
	ID    peer.ID               // the peer ID, made from the key that the member signs with
	Name  string                // optional, for people
	Addrs []multiaddr.Multiaddr // optional; the host knows them while the ceremony is open
}

// validate checks a definition for the node self, and returns the node's operator
// index.
func (d Definition) validate(self peer.ID) (int, error) {
	switch n := len(d.Hash); {
	case n == 0:
		return 0, invalid("Definition.Hash", "it is empty")
	case n > maxHash:
		return 0, invalid("Definition.Hash", "it has %d bytes, but at most %d are allowed", n, maxHash)
	case isStatement(d.Hash):
		return 0, invalid("Definition.Hash", "%w", errHashIsStatement)
	}
	switch n := len(d.Peers); {
	case n < minMembers:
		return 0, invalid("Definition.Peers", "it has %d, but at least %d are needed", n, minMembers)
	case n > maxMembers:
		return 0, invalid("Definition.Peers", "it has %d, but at most %d are allowed", n, maxMembers)
	}
	index := -1
	seen := make(map[peer.ID]int, len(d.Peers))
	for i, p := range d.Peers {
		if err := p.validate(); err != nil {
			return 0, invalid("Definition.Peers", "operator %d: %w", i, err)
		}
		if first, ok := seen[p.ID]; ok {
			return 0, invalid("Definition.Peers", "operators %d and %d have the same peer ID %s", first, i, p.ID)
		}
		seen[p.ID] = i
		if p.ID == self {
			index = i
		}
	}
	if index < 0 {
		return 0, invalid("Definition.Peers", "this node's own peer ID %s is not among the %d members: "+
			"is this the right key, and the right definition?",
			self, len(d.Peers))
	}
	return index, nil
}

func (p Peer) validate() error {
	_, err := peer.IDFromBytes([]byte(p.ID))
	// The text of a peer ID can also be a valid peer ID in binary.
	if _, text := peer.Decode(string(p.ID)); err == nil && text == nil {
		err = errors.New("it is the text of a peer ID")
	}
	if err != nil {
		return fmt.Errorf("%q is not a peer ID (peer.Decode makes one from its text): %w",
			cut(string(p.ID), 2*maxNickname), err)
	}
	for _, a := range p.Addrs {
		switch addr, owner := peer.SplitAddr(a); {
		case addr == nil:
			return fmt.Errorf("%q is no address at which peer %s can be dialled: give it as /ip4/…/tcp/…", a, p.ID)
		case owner != "" && owner != p.ID:
			return fmt.Errorf("%s is the address of peer %s, not of %s", a, owner, p.ID)
		}
	}
	return nil
}

// clone copies a definition, so that the caller can change its own.
func (d Definition) clone() Definition {
	c := Definition{Hash: slices.Clone(d.Hash), Peers: slices.Clone(d.Peers)}
	for i, p := range c.Peers {
		c.Peers[i] = p.clone()
	}
	return c
}

func (p Peer) clone() Peer {
	p.Addrs = slices.Clone(p.Addrs)
	return p
}

// Names returns the names of the members in the form that errors, logs and statuses
// show. The names are made printable. A member without a name has the end of its peer
// ID instead. Members with the same name have their operator index added.
func (d Definition) Names() []string {
	count := make(map[string]int, len(d.Peers))
	for _, p := range d.Peers {
		count[displayName(p)]++
	}
	names := make([]string, len(d.Peers))
	for i, p := range d.Peers {
		if names[i] = displayName(p); count[names[i]] > 1 {
			names[i] = operator(i, p)
		}
	}
	return names
}

// shortHash returns the form of a definition hash that sentences use.
func shortHash(hash []byte) string {
	const enough = 8
	if len(hash) > enough {
		return hex.EncodeToString(hash[:enough]) + "…"
	}
	return hex.EncodeToString(hash)
}

// info returns the definition in the form that reports use.
func (d Definition) info(self int, a attempt, o openOptions) report.Info {
	info := report.Info{Hash: d.Hash, Index: self, Attempt: a.shown(), Before: a.before, Observes: o.observes}
	for i, p := range d.Peers {
		info.Peers = append(info.Peers, report.Peer{
			Index: i, ID: p.ID.String(), Name: displayName(p), Service: telemetry.ServiceName(p.Name, i),
		})
	}
	return info
}

// addrInfos returns the members in the form that libp2p uses.
func (d Definition) addrInfos() []peer.AddrInfo {
	infos := make([]peer.AddrInfo, len(d.Peers))
	for i, p := range d.Peers {
		infos[i] = peer.AddrInfo{ID: p.ID, Addrs: p.Addrs}
	}
	return infos
}
