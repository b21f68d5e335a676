package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"go.uber.org/fx"
)

// apartFrom returns the node that a node cannot reach, if there is one.
func (p plan) apartFrom(node int) (other int, apart bool) {
	i := slices.Index(p.cut, node)
	if i < 0 {
		return 0, false
	}
	return p.cut[1-i], true
}

// cutOff keeps the host of a node from having a connection with the one that it
// cannot reach.
func (p plan) cutOff(node int) fx.Option {
	other, apart := p.apartFrom(node)
	if !apart {
		return fx.Options()
	}
	wall := func() libp2p.Option { return libp2p.ConnectionGater(gater{p.members[other].id}) }
	return fx.Provide(fx.Annotate(wall, fx.ResultTags(`group:"host"`)))
}

// gater refuses every connection with one peer.
type gater struct{ refused peer.ID }

func (g gater) InterceptPeerDial(id peer.ID) bool                        { return id != g.refused }
func (g gater) InterceptAddrDial(id peer.ID, _ multiaddr.Multiaddr) bool { return id != g.refused }
func (g gater) InterceptAccept(network.ConnMultiaddrs) bool              { return true }

func (g gater) InterceptSecured(_ network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	return id != g.refused
}

func (g gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// apart is a pair of nodes that cannot reach each other, and who sees that.
type apart struct {
	a, b  int
	since time.Time
	by    []int
}

// broken lists the pairs that the nodes see.
func (r *report) broken() []apart {
	var pairs []apart
	for i, n := range r.nodes {
		for _, link := range n.status.Broken {
			k := slices.IndexFunc(pairs, func(p apart) bool { return p.a == link.A && p.b == link.B })
			if k < 0 {
				k = len(pairs)
				pairs = append(pairs, apart{a: link.A, b: link.B, since: link.Since})
			}
			pairs[k].by = append(pairs[k].by, i)
		}
	}
	return pairs
}

// explainBroken prints a line for each pair that cannot reach each other.
func (r *report) explainBroken(pairs []apart) {
	for _, p := range pairs {
		r.line("%s and %s cannot reach each other (for %s): seen by %s", r.plan.operator(p.a), r.plan.operator(p.b),
			time.Since(p.since).Round(time.Second), operators(p.by))
	}
}

// gaveUp is what ends a demo in which two nodes cannot reach each other.
func (p plan) gaveUp() error {
	return &failure{fmt.Errorf("gave up after %s: %s and %s cannot reach each other",
		cutTime, p.operator(p.cut[0]), p.operator(p.cut[1]))}
}
