package faults

import (
	"context"
	"io/fs"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// fault is one thing that is wrong.
type fault struct {
	name    string
	hosts   func(*scene) // changes the hosts, before they are opened
	arrange func(*scene) // changes what the nodes know and do
	play    func(*scene) // runs the ceremony, where that is not done as always
	says    []said
}

// said is what the log of a node has to say.
type said struct {
	who  int
	text string
}

// two are any two of the three: who meets whom first is chance, and the third finds
// that they have stopped.
const two = -1

// in has the logs of nodes say something.
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

// faults are those that happen before everyone is connected.
var connecting = []fault{
	{
		name: "carol's host has another key than the definition says",
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
		says:    saying(in("carol (unreachable", alice, bob), in("connection refused: nothing listens there", alice, bob)),
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
		name: "one of the two addresses of carol is wrong, and her host is down",
		arrange: func(s *scene) {
			s.nodes[carol].absent = true
			s.addressed(carol, at("/dns4/carol.dkg-cluster.invalid/tcp/3610"), s.nodes[carol].addrs[0])
		},
		says: saying(
			in("its name does not resolve here", alice, bob), in("connection refused: nothing listens there", alice, bob),
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
			in("it has not opened this ceremony yet; open there with this node: ", alice, bob, carol),
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
		says: saying(in("has other members for definition", two), in("or another order", two)),
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
			in("this host's resource manager has reached a limit: memory in the scope service:dkgsync; raise it on this host", bob),
			in("this host has no room for a stream of operator", bob),
			in("its host has reached a limit: its resource manager refuses this node's streams", alice, carol),
		),
	},
	{
		name: "bob's host lets in no streams",
		hosts: func(s *scene) {
			s.limited(bob, rcmgr.PartialLimitConfig{PeerDefault: rcmgr.ResourceLimits{StreamsInbound: rcmgr.BlockAllLimit}})
		},
		says: saying(
			in("bob (", alice, carol),
			in("its host has reached a limit: its resource manager refuses this node's streams", alice, carol),
		),
	},
	{
		name: "alice's host has no room for connections that it makes, nor for others'",
		hosts: func(s *scene) {
			s.limited(alice, rcmgr.PartialLimitConfig{System: rcmgr.ResourceLimits{Conns: rcmgr.BlockAllLimit}})
		},
		says: saying(
			in("this host's resource manager has reached a limit: connection in the scope system", alice),
			in("alice (unreachable", bob, carol), in("its host hangs up during the handshake: its resource manager", bob, carol),
		),
	},
	{
		name:  "carol's clock is two hours ahead",
		hosts: func(s *scene) { s.nodes[carol].options = append(s.nodes[carol].options, clockAhead(2*time.Hour)) },
		says: saying(
			in("its clock was at least 2 h ahead of this host's when its host started", alice, bob),
			in("compare the clocks of the two", carol),
		),
	},
	{
		name: "the definition names a relay, and not where it is",
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
		says: in("put the relay's own address in front of its peer ID", alice, bob, carol),
	},
	{
		name:    "the relay is down",
		hosts:   func(s *scene) { s.behind(harness.NewRelay(s.t, time.Minute, 1<<20)) },
		arrange: func(s *scene) { s.relay.Stop() },
		says:    in("the relay cannot be reached: ", alice, bob, carol),
	},
	{
		name:  "carol's node is behind the relay, and down",
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
		says: saying(in("carol (unreachable", alice, bob), in("it is silent: no response within the exchange timeout", alice, bob)),
	},
	{
		name:    "carol's node runs, and has not opened the ceremony",
		arrange: func(s *scene) { s.nodes[carol].idle = true },
		says:    in("carol (its node answers, but it has not opened this ceremony yet", alice, bob),
	},
	{
		name:    "carol's host runs, and nothing on it",
		arrange: func(s *scene) { s.nodes[carol].bare = true },
		says:    in("its host is up, but it does not run the sync protocol yet", alice, bob),
	},
}

// running are the faults that happen in step 2.
var running = []fault{
	{
		name: "bob's program closes his host",
		arrange: func(s *scene) {
			s.step2(bob, func(context.Context) error { return s.nodes[bob].host.Close() })
		},
		says: saying(
			in("this node's own host was closed before the ceremony was complete", bob),
			in("operator 1 (bob) has been gone for 6 s", alice),
		),
	},
	{
		name: "bob's disk is full",
		arrange: func(s *scene) {
			s.step2(bob, func(context.Context) error {
				return &fs.PathError{Op: "write", Path: "/home/bob/keys/share-1.json", Err: syscall.ENOSPC}
			})
		},
		says: saying(
			in("write /home/bob/keys/share-1.json: no space left on device", bob),
			in("operator 1 (bob) gave up: step", alice, carol), in("no space left on device", alice, carol),
		),
	},
	{
		name:    "carol runs fewer steps",
		arrange: func(s *scene) { s.nodes[carol].steps = s.nodes[carol].steps[:1] },
		says:    in("operator 2 (carol) said goodbye at step 2, before the barrier of step 3", alice),
	},
	{
		name: "bob's node is stopped",
		arrange: func(s *scene) {
			s.step2(bob, func(ctx context.Context) error {
				s.nodes[bob].stop()
				<-ctx.Done()
				return ctx.Err()
			})
		},
		says: saying(
			in("operator 1 (bob) was stopped before the ceremony was complete", alice, carol),
			in("this node was stopped before the ceremony was complete", bob),
		),
	},
	{
		name: "bob's step hangs",
		arrange: func(s *scene) {
			s.step2(bob, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		},
		says: in("bob (connected, at step 2", alice, carol),
	},
	{name: "carol's process is killed", play: killed, says: in("operator 2 (carol) has been gone for 6 s", alice)},
	{name: "carol's process stands still", play: frozen, says: in("operator 2 (carol) has been gone for 6 s", alice)},
	{
		name: "carol's process is killed and started again", play: restarted,
		says: saying(in("operator 2 (carol) restarted: its step went from 1 to 0", alice)),
	},
}

// step2 has a node do something in step 2.
func (s *scene) step2(who int, run func(context.Context) error) { s.nodes[who].steps[1].Run = run }

// limited gives a node's host these limits.
func (s *scene) limited(who int, limits rcmgr.PartialLimitConfig) {
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.DefaultLimits.AutoScale())))
	require.NoError(s.t, err)
	s.nodes[who].options = append(s.nodes[who].options, libp2p.ResourceManager(manager))
}

// behind hides every host behind a relay.
func (s *scene) behind(relay *harness.Relay) {
	s.relay = relay
	for _, n := range s.nodes {
		n.listen = ""
	}
}

// gater lets nobody in but some, as Charon's does with the members of its cluster.
type gater struct{ allowed map[peer.ID]bool }

func (g gater) InterceptPeerDial(p peer.ID) bool                    { return g.allowed[p] }
func (g gater) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool { return true }
func (g gater) InterceptAccept(network.ConnMultiaddrs) bool         { return true }
func (g gater) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allowed[p]
}
func (g gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
