package faults

import (
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

var otherClocks = saying(
	in("when its host started, its clock was at least 2 h ahead of this host's clock", alice, bob),
	in("its host refuses this host's TLS certificate: this host's clock was more than an hour ahead", carol),
)

// The list connecting has the faults that show before everyone is connected.
var connecting = []fault{
	{
		name: "carol's host has a key that is not in the definition",
		arrange: func(s *scene) {
			was := s.nodes[carol].host.Addrs()
			require.NoError(s.t, s.nodes[carol].host.Close())
			s.nodes[carol].key, s.nodes[carol].listen = harness.NewKey(s.t), was[0].String()
			s.nodes[carol].openHost()
		},
		says: saying(
			in("another peer answers there", alice, bob), in("carol (unreachable", alice, bob),
			in("this node's own peer ID", carol), in("is not among the 3 members", carol),
		),
	},
	{
		name:    "carol is not started",
		arrange: func(s *scene) { s.nodes[carol].absent = true },
		says: saying(
			in("carol (unreachable", alice, bob), in("connection refused: nothing listens there", alice, bob),
		),
	},
	{
		name: "the names of all hosts are misspelled in the definition",
		arrange: func(s *scene) {
			for i := range s.nodes {
				s.addressed(i, at("/dns4/%s.dkg-cluster.invalid/tcp/3610", harness.Name(i)))
			}
		},
		says: saying(
			in("/dns4/carol.dkg-cluster.invalid/tcp/3610: its name does not resolve here", alice, bob),
			in("/dns4/alice.dkg-cluster.invalid/tcp/3610: its name does not resolve here", bob, carol),
		),
	},
	{
		name: "one of carol's addresses is wrong, and her host is down",
		arrange: func(s *scene) {
			s.nodes[carol].absent = true
			s.addressed(carol, at("/dns4/carol.dkg-cluster.invalid/tcp/3610"), s.nodes[carol].addrs[0])
		},
		says: saying(
			in("its name does not resolve here", alice, bob),
			in("connection refused: nothing listens there", alice, bob),
		),
	},
	{
		name:    "bob runs another version",
		arrange: func(s *scene) { s.nodes[bob].config.Version = "v1.10" },
		says: saying(
			in("v1.10", two), in("bob", two), in("all members need the same major and minor version", two),
		),
	},
	{
		name:    "bob has another definition",
		arrange: func(s *scene) { s.nodes[bob].def.Hash = harness.Hash("another definition") },
		says: saying(
			in("it has another definition open: ", alice, bob, carol),
			in("operator 1 (bob) asks for definition ", alice, carol),
			in("all members need the same definition", alice, bob, carol),
		),
	},
	{
		name: "bob has the members in another order",
		arrange: func(s *scene) {
			p := s.nodes[bob].def.Peers
			p[bob], p[carol] = p[carol], p[bob]
		},
		says: saying(in("has other members for definition", two), in("or lists them in another order", two)),
	},
	{
		name: "carol has somebody else in bob's place",
		arrange: func(s *scene) {
			id, err := peer.IDFromPrivateKey(harness.NewKey(s.t))
			require.NoError(s.t, err)
			s.nodes[carol].def.Peers[bob] = syncmod.Peer{ID: id, Name: "bob"}
		},
		says: saying(
			in("has other members for definition", alice, carol),
			in("all members need the same definition file", alice, carol),
		),
	},
	{
		name: "the gater of carol's host does not know alice's key",
		hosts: func(s *scene) {
			s.nodes[carol].options = append(s.nodes[carol].options,
				libp2p.ConnectionGater(gater{allowed: map[peer.ID]bool{s.nodes[bob].id(): true}}))
		},
		says: saying(
			in("carol (unreachable", alice), in("its connection gater does not allow", alice),
			in("this host's connection gater does not allow it", carol),
		),
	},
	{
		name: "carol's host is in another private network",
		hosts: func(s *scene) {
			for i, n := range s.nodes {
				key := make([]byte, 32)
				key[0] = byte(i / carol)
				n.options = append(n.options, libp2p.PrivateNetwork(key))
			}
		},
		says: saying(in("carol (unreachable", alice, bob), in("in the same private network", alice, bob, carol)),
	},
	{
		name: "bob's host has no memory for the service",
		hosts: func(s *scene) {
			s.limited(bob, rcmgr.PartialLimitConfig{
				Service: map[string]rcmgr.ResourceLimits{syncmod.ServiceName: {Memory: 1 << 10}},
			})
		},
		says: saying(
			in("this host's resource manager has reached a limit: memory in the scope service:dkgsync; "+
				"raise it on this host", bob),
			in("this host has no room for a stream from operator", bob),
			in("its host has reached a limit: its resource manager refuses this node's streams", alice, carol),
		),
	},
	{
		name: "bob's host lets in no streams",
		hosts: func(s *scene) {
			s.limited(bob, rcmgr.PartialLimitConfig{
				PeerDefault: rcmgr.ResourceLimits{StreamsInbound: rcmgr.BlockAllLimit},
			})
		},
		says: saying(
			in("bob (", alice, carol),
			in("its host has reached a limit: its resource manager refuses this node's streams", alice, carol),
		),
	},
	{
		name: "alice's host has no room for any connection",
		hosts: func(s *scene) {
			s.limited(alice, rcmgr.PartialLimitConfig{System: rcmgr.ResourceLimits{Conns: rcmgr.BlockAllLimit}})
		},
		says: saying(
			in("this host's resource manager has reached a limit: connection in the scope system", alice),
			in("alice (unreachable", bob, carol),
			in("its host hangs up during the handshake; possible causes: its resource manager", bob, carol),
		),
	},
	{
		name:  "carol's clock is two hours ahead",
		hosts: func(s *scene) { s.nodes[carol].options = append(s.nodes[carol].options, clockAhead(2*time.Hour)) },
		says:  otherClocks,
	},
	{
		name: "carol's clock is two hours ahead, with QUIC",
		hosts: func(s *scene) {
			s.nodes[carol].options = append(s.nodes[carol].options, clockAhead(2*time.Hour))
			for _, n := range s.nodes {
				n.listen = "/ip4/127.0.0.1/udp/0/quic-v1"
			}
		},
		says: otherClocks,
	},
	{
		name: "the definition lacks the relay's address",
		hosts: func(s *scene) {
			s.behind(harness.NewRelay(s.t, time.Minute, 1<<20))
		},
		arrange: func(s *scene) {
			for i := range s.nodes {
				s.addressed(i, at("/p2p/%s/p2p-circuit", s.relay.ID()))
				for _, n := range s.nodes {
					_ = n.host.Network().ClosePeer(s.relay.ID())
					n.host.Peerstore().ClearAddrs(s.relay.ID())
				}
			}
		},
		says: in("the address has a relay's peer ID, but not the relay's address", alice, bob, carol),
	},
	{
		name:    "the relay is down",
		hosts:   func(s *scene) { s.behind(harness.NewRelay(s.t, time.Minute, 1<<20)) },
		arrange: func(s *scene) { s.relay.Stop() },
		says:    in("the relay cannot be reached: ", alice, bob, carol),
	},
	{
		name:  "carol's node, behind the relay, is down",
		hosts: func(s *scene) { s.behind(harness.NewRelay(s.t, time.Minute, 1<<20)) },
		arrange: func(s *scene) {
			s.nodes[carol].absent = true
		},
		says: in("it has no reservation at the relay: its host is down, or is not connected to the relay", alice, bob),
	},
	{
		name: "carol's node takes every stream and says nothing",
		arrange: func(s *scene) {
			(&harness.RawPeer{Host: s.nodes[carol].host}).Handle(func(stream harness.RawStream) {
				<-s.t.Context().Done()
				_ = stream.Reset()
			})
			s.nodes[carol].bare = true
		},
		says: saying(in("carol (unreachable", alice, bob), in("it is silent: "+
			"no response within the exchange timeout", alice, bob)),
	},
	{
		name:    "carol's node has not opened the ceremony",
		arrange: func(s *scene) { s.nodes[carol].idle = true },
		says:    in("carol (its node answers, but it has not opened this ceremony yet", alice, bob),
	},
	{
		name:    "carol's host runs without a node",
		arrange: func(s *scene) { s.nodes[carol].bare = true },
		says: in("its host is up, but no ceremony is running there: not started yet, "+
			"or already stopped", alice, bob),
	},
}
