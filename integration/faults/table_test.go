package faults

import (
	"context"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// fault is one thing that goes wrong.
type fault struct {
	name    string
	hosts   func(*scene) // changes the hosts before they are opened
	arrange func(*scene) // changes what the nodes know and do
	play    func(*scene) // runs the ceremony, if it cannot run in the usual way
	says    []said
}

// A said is a text that a node's log must contain.
type said struct {
	who  int
	text string
}

// two stands for any two of the three nodes. Chance decides which two
// meet first. The third node finds that those two have stopped.
const two = -1

// in returns the requirement that the log of each given node contains
// a text.
func in(text string, who ...int) (all []said) {
	for _, i := range who {
		all = append(all, said{i, text})
	}
	return all
}

func saying(all ...[]said) (list []said) {
	for _, some := range all {
		list = append(list, some...)
	}
	return list
}

// step2 sets bob's work in step 2.
func (s *scene) step2(run func(context.Context) error) { s.nodes[bob].steps[1].Run = run }

// limited sets the resource limits of a node's host.
func (s *scene) limited(who int, limits rcmgr.PartialLimitConfig) {
	s.nodes[who].options = append(s.nodes[who].options, libp2p.ResourceManager(s.manager(limits)))
}

func (s *scene) manager(limits rcmgr.PartialLimitConfig) network.ResourceManager {
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.DefaultLimits.AutoScale())))
	require.NoError(s.t, err)
	return manager
}

// behind puts every host behind a relay.
func (s *scene) behind(relay *harness.Relay) {
	s.relay = relay
	for _, n := range s.nodes {
		n.listen = ""
	}
}

// gater allows connections only with some peers, as Charon's does with the members of its cluster.
type gater struct{ allowed map[peer.ID]bool }

func (g gater) InterceptPeerDial(p peer.ID) bool                    { return g.allowed[p] }
func (g gater) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool { return true }
func (g gater) InterceptAccept(network.ConnMultiaddrs) bool         { return true }
func (g gater) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allowed[p]
}
func (g gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
