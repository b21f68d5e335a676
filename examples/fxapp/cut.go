package main

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"go.uber.org/fx"
)

// apartFrom returns the node that the given node cannot reach, if there is one.
func (p plan) apartFrom(node int) (other int, apart bool) {
	i := slices.Index(p.cut, node)
	if i < 0 {
		return 0, false
	}
	return p.cut[1-i], true
}

// cutOff keeps a node's host from connecting to the node that it cannot reach.
func (p plan) cutOff(node int) fx.Option {
	other, apart := p.apartFrom(node)
	if !apart {
		return fx.Options()
	}
	wall := func() libp2p.Option { return libp2p.ConnectionGater(gater{p.members[other].id}) }
	return fx.Provide(fx.Annotate(wall, fx.ResultTags(`group:"host"`)))
}

// gater refuses every connection to and from one peer.
type gater struct{ refused peer.ID }

func (g gater) InterceptPeerDial(id peer.ID) bool                        { return id != g.refused }
func (g gater) InterceptAddrDial(id peer.ID, _ multiaddr.Multiaddr) bool { return id != g.refused }
func (g gater) InterceptAccept(network.ConnMultiaddrs) bool              { return true }

func (g gater) InterceptSecured(_ network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	return id != g.refused
}

func (g gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// gaveUp returns the error that ends a demo in which two nodes cannot reach each other.
func (p plan) gaveUp() error {
	return fmt.Errorf("gave up after %s: %s and %s cannot reach each other",
		cutTime, p.operator(p.cut[0]), p.operator(p.cut[1]))
}
