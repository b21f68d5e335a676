package syncmod_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// looks opens a ceremony that only observes.
func looks(t testing.TB, n *harness.Node, def syncmod.Definition) *syncmod.Ceremony {
	t.Helper()
	c, err := n.Service.Open(def, syncmod.Observe())
	require.NoError(t, err)
	return c
}

// all waits until wanted returns true for every member, and returns
// the members.
func all(t testing.TB, c *syncmod.Ceremony, wanted func(syncmod.PeerStatus) bool) []syncmod.PeerStatus {
	t.Helper()
	return harness.Until(t, c, func(s syncmod.Status) bool {
		for _, p := range s.Peers {
			if !wanted(p) {
				return false
			}
		}
		return true
	}).Peers
}

func TestAnObserverSeesWhoIsThere(t *testing.T) {
	cfg := harness.Fast()
	cfg.Nickname = "somebody"
	nodes, def := newCluster(t, 3, cfg)
	harness.Open(t, nodes[1:], def)

	c := looks(t, nodes[0], def)

	for _, p := range all(t, c, func(p syncmod.PeerStatus) bool { return harness.Connected(p) && p.RTT > 0 }) {
		require.Equal(t, "v1.0", p.Version)
		require.Equal(t, "somebody", p.Nickname)
		require.Zero(t, p.Step)
		require.NoError(t, p.Fault)
		require.Empty(t, p.Waiting)
		require.False(t, p.Relayed)
	}
	require.Equal(t, syncmod.Connecting, c.Status().Phase)
}

func TestAnObservedMemberIsToldSo(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	bob := nodes[1].Open(t, def)
	alice := looks(t, nodes[0], def)

	seen := harness.Until(t, bob, func(s syncmod.Status) bool { return s.Peers[0].Waiting != "" }).Peers[0]

	require.Equal(t, "it only looks at the ceremony, and does not take part yet", seen.Waiting)
	all(t, alice, harness.Connected)
	require.False(t, seen.Inbound || seen.Outbound)
	require.Zero(t, seen.Reconnects)
	require.NoError(t, bob.Err())
}

func TestAnObserverKnowsWhoIsMissing(t *testing.T) {
	cfg := harness.Fast()
	cfg.Version, cfg.Nickname = "v1.0.3-look", "Alice's"
	nodes, def := newCluster(t, 3, cfg)
	c := looks(t, nodes[0], def)
	require.Equal(t, []any{true, "Alice's", "v1.0.3-look"},
		[]any{c.Status().Observes, c.Status().Nickname, c.Status().Version})
	missing := func(names ...int) func(syncmod.Status) bool {
		return func(s syncmod.Status) bool {
			var missing []int
			if w := s.WaitingFor(); w != nil {
				for _, p := range w.Missing {
					missing = append(missing, p.Index)
				}
			}
			return slices.Equal(missing, names)
		}
	}
	harness.Until(t, c, missing(1, 2))
	nodes[1].Open(t, def)
	harness.Until(t, c, missing(2))
	nodes[2].Open(t, def)
	harness.Until(t, c, missing())

	require.NoError(t, nodes[1].Host.Close()) // a member is noticed as missing even after all were there

	harness.Until(t, c, missing(1))
	require.ErrorContains(t, c.Status().WaitingFor(), "waiting for 1 of 3 to connect: bob (")
}

func TestAnEndedObservationIsNotShown(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	bob := nodes[1].Open(t, def)
	looks(t, nodes[0], def)
	harness.Until(t, bob, func(s syncmod.Status) bool { return s.Peers[0].Waiting != "" })

	require.NoError(t, nodes[0].Host.Close())

	seen := harness.Until(t, bob, func(s syncmod.Status) bool { return s.Peers[0].Waiting == "" }).Peers[0]
	require.Contains(t, seen.Describe(time.Now()), "unreachable for ")
}

func TestTheRealNodeMayFollowAnObserver(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	others := harness.Open(t, nodes[1:], def)
	ran := make(chan error, 3)
	for _, c := range others {
		go func() { ran <- c.Run(harness.Within(t), syncmod.Step{}) }()
	}
	c := looks(t, nodes[0], def)
	all(t, c, harness.Connected)

	require.NoError(t, c.Close(harness.Within(t)))
	alice := nodes[0].Open(t, def)

	go func() { ran <- alice.Run(harness.Within(t), syncmod.Step{}) }()
	for range 3 {
		require.NoError(t, harness.Next(t, ran))
	}
}

func TestObservingTwiceShowsTheSame(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	nodes[1].Open(t, def)
	for range 3 {
		c := looks(t, nodes[0], def)
		all(t, c, harness.Connected)
		require.NoError(t, c.Close(harness.Within(t)))
	}
}

func TestObserversSeeEachOther(t *testing.T) {
	cfg := harness.Fast()
	cfg.Nickname = "somebody"
	nodes, def := newCluster(t, 3, cfg)
	var open []*syncmod.Ceremony
	for _, n := range nodes {
		open = append(open, looks(t, n, def))
	}

	for _, c := range open {
		seen := all(t, c, func(p syncmod.PeerStatus) bool { return harness.Connected(p) && p.Waiting != "" })
		for _, p := range seen {
			require.Equal(t, "it only looks at the ceremony, and does not take part yet", p.Waiting)
			require.Equal(t, "v1.0", p.Version)
			require.Equal(t, "somebody", p.Nickname)
			require.Zero(t, p.Step)
			require.NoError(t, p.Fault)
		}
	}
}

func TestAnObserverTakesNoPart(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	c := looks(t, nodes[0], def)
	ctx := harness.Within(t)
	for name, call := range map[string]func() error{
		"AwaitConnected": func() error { return c.AwaitConnected(ctx) },
		"SetStep":        func() error { return c.SetStep(1) },
		"AwaitStep":      func() error { return c.AwaitStep(ctx, 1) },
		"Advance": func() error {
			_, err := c.Advance(ctx)
			return err
		},
		"Complete": func() error { return c.Complete(ctx) },
		"Run":      func() error { return c.Run(ctx) },
		"Attest":   func() error { return c.Attest([]byte{1}) },
	} {
		err := call()
		require.ErrorIs(t, err, syncmod.ErrInvalid, name)
		require.ErrorContains(t, err, name+": this ceremony only looks: "+
			"close it, and open its definition without Observe to take part")
	}
	require.Nil(t, c.Receipt())
	require.NoError(t, c.Err())
}

// watched returns a ceremony of alice that only looks. The test plays the other
// members by hand. Alice has connected the hosts.
func watched(t testing.TB, cfg syncmod.Config, others int, opts ...harness.Option) *scene {
	t.Helper()
	c := harness.New(t, 1+others, append(opts, harness.With(cfg))...)
	c.Idle(0)
	s := &scene{Node: c.Nodes[0], def: c.Define(t.Name())}
	for _, i := range c.Except(0) {
		s.others = append(s.others, c.Raw(i))
	}
	s.ceremony = looks(t, s.Node, s.def)
	all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Outbound })
	return s
}

func TestAnObserverAnswersNoForeignMember(t *testing.T) {
	s := watched(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Handle(func(harness.RawStream) { t.Error("a stream of the protocol was opened") })
	stream := bob.Open(t, s.Host)
	heard := stream.Listen()

	stream.Say(t, bob.Request(t, s.def, harness.Nickname("a Charon"), harness.Step(0)))

	p := all(t, s.ceremony, harness.Connected)[0]
	require.Equal(t, "a Charon", p.Nickname)
	require.NoError(t, p.Fault)
	all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.RTT > 0 && p.ClockOffset != 0 })
	require.Empty(t, heard)
	stream.Say(t, bob.Request(t, s.def, harness.Step(1))) // bob goes on without an answer
	all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Step == 1 })
	require.Empty(t, heard)
	require.NoError(t, s.ceremony.Close(harness.Within(t)))
	require.Error(t, harness.Next(t, heard))
}

func TestAForeignMemberOutwaitsTimeouts(t *testing.T) {
	s := watched(t, harness.Fast(), 2)
	bob, carol := s.others[0], s.others[1]
	carol.Become(sessions["dkgsync"])
	foreign := bob.Open(t, s.Host)
	heard := foreign.Listen()
	foreign.Say(t, bob.Request(t, s.def))
	all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Index == 2 || p.Inbound })
	silent := carol.Open(t, s.Host)
	silent.Greeted(t, carol.Request(t, s.def))

	require.True(t, harness.IsReset(silent.End(t))) // its timeout began after that of bob's stream

	require.Empty(t, heard)
	all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Index == 2 || p.Inbound })
}

func TestAnObserverSeesFaults(t *testing.T) {
	cfg := harness.Fast()
	cfg.OpenGrace = 50 * time.Millisecond
	for name, test := range map[string]struct {
		says  harness.Saying
		fault error
		text  string
	}{
		"another version": {
			harness.Version("v1.9"), syncmod.ErrVersionMismatch,
			"operator 1 (bob) runs v1.9, this node runs v1.0: all members need the same major and minor version",
		},
		"another definition": {
			harness.Signature([]byte("of something else")), syncmod.ErrBadSignature,
			"all members need the same definition file",
		},
		"other members": {
			harness.Members([]byte("12345678")), syncmod.ErrMembersMismatch, "operator 1 (bob) has other members",
		},
	} {
		for kind, session := range sessions {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s := watched(t, cfg, 1)
				bob := s.others[0]
				bob.Become(session)
				stream := bob.Open(t, s.Host)
				stream.Say(t, bob.Request(t, s.def, test.says))

				p := all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Fault != nil })[0]

				require.ErrorIs(t, p.Fault, test.fault)
				require.ErrorContains(t, p.Fault, test.text)
				require.NotContains(t, p.Fault.Error(), "the ceremony cannot go on")
				require.False(t, p.Inbound)
				require.NoError(t, s.ceremony.Err())

				right := bob.Open(t, s.Host)
				right.Say(t, bob.Request(t, s.def)) // the member is repaired and started again
				all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Fault == nil && p.Inbound })
			})
		}
	}
}

func TestObserversSeeAMismatch(t *testing.T) {
	cfg := harness.Fast()
	cfg.OpenGrace = 50 * time.Millisecond
	nodes, def := newCluster(t, 2, cfg)
	other := def
	other.Hash = harness.Hash("another one")
	alice, bob := looks(t, nodes[0], def), looks(t, nodes[1], other)

	for _, c := range []*syncmod.Ceremony{alice, bob} {
		p := all(t, c, func(p syncmod.PeerStatus) bool { return p.Fault != nil && p.Waiting != "" })[0]
		require.ErrorIs(t, p.Fault, syncmod.ErrBadSignature)
		require.Contains(t, p.Waiting, "it has another definition open: ")
	}
}

func TestALeavingObserverLooksLikeALostHost(t *testing.T) {
	s := watched(t, harness.Fast(), 1)
	bob := s.others[0]
	stream := bob.Open(t, s.Host)
	stream.Say(t, bob.Request(t, s.def))
	all(t, s.ceremony, harness.Connected)

	require.NoError(t, s.ceremony.Close(harness.Within(t)))

	require.NotEqual(t, "closed", harness.EndOf(readEnd(stream)))
	require.Equal(t, network.NotConnected, s.Host.Network().Connectedness(bob.Host.ID()))
	harness.Eventually(t, func() bool {
		return bob.Host.Network().Connectedness(s.ID()) == network.NotConnected
	}, "the other side notices")
}

func TestAnObserverKeepsSharedConnections(t *testing.T) {
	for name, need := range map[string]func(t *testing.T, s *scene){
		"another ceremony": func(t *testing.T, s *scene) {
			other := s.def
			other.Hash = harness.Hash("another one")
			s.Open(t, other)
		},
		"somebody who protects it": func(_ *testing.T, s *scene) {
			s.Host.ConnManager().Protect(s.others[0].Host.ID(), "somebody's")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := watched(t, harness.Fast(), 1)
			need(t, s)

			require.NoError(t, s.ceremony.Close(harness.Within(t)))

			require.Equal(t, network.Connected, s.Host.Network().Connectedness(s.others[0].Host.ID()))
		})
	}
}

func TestAnObserverKeepsOldConnections(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle(0)
	alice, bob := c.Nodes[0], c.Nodes[1].Host
	harness.Connect(t, bob, alice.Host)
	look := looks(t, alice, c.Define(t.Name()))
	all(t, look, func(p syncmod.PeerStatus) bool { return p.Outbound })

	require.NoError(t, look.Close(harness.Within(t)))

	require.Equal(t, network.Connected, alice.Host.Network().Connectedness(bob.ID()))
}

func TestAHostWithoutTheProtocolIsSeen(t *testing.T) {
	s := watched(t, harness.Fast(), 1) // nobody has started bob's node

	p := all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.LastError != nil })[0]

	require.EqualError(t, p.LastError, "its host does not serve the protocol: start its node's ceremony")
	require.True(t, p.Outbound)
	s.others[0].Answer()
	all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.LastError == nil })
}

func TestAMemberWithoutPingIsSeen(t *testing.T) {
	s := watched(t, harness.Fast(), 1, harness.Hosts(libp2p.Ping(false)))

	p := all(t, s.ceremony, func(p syncmod.PeerStatus) bool { return p.Outbound })[0]

	require.Zero(t, p.RTT)
	require.Zero(t, p.Attempts)
}

func TestAnObserverNoticesChanges(t *testing.T) {
	c := harness.New(t, 2)
	c.Start(1)
	c.Idle(0)
	look := looks(t, c.Nodes[0], c.Definition(0, t.Name()))
	all(t, look, harness.Connected)

	c.Kill(1)
	all(t, look, func(p syncmod.PeerStatus) bool { return !p.Inbound && !p.Outbound && p.Attempts > 0 })
	c.Nodes[1].OpenHost()
	c.Start(1)

	all(t, look, func(p syncmod.PeerStatus) bool { return harness.Connected(p) && p.Reconnects > 0 })
}

// The rehearsal has the key of a node that already takes part.
func TestAnObserverHarmsNothing(t *testing.T) {
	c := harness.New(t, 3, harness.With(harness.Patient()))
	c.Start()
	c.Advance(c.All()...)
	twin := harness.NewHostWithKey(t, c.Nodes[0].Key)
	service := harness.StartService(t, twin, harness.Fast())

	look, err := service.Open(c.Definition(0, t.Name()), syncmod.Observe())
	require.NoError(t, err)
	all(t, look, func(p syncmod.PeerStatus) bool { return p.Outbound })

	c.Advance(c.All()...)
	require.NoError(t, look.Close(harness.Within(t)))
	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestAnObserverAnswersGoodbyesAndAborts(t *testing.T) {
	for name, ends := range map[string]harness.Saying{
		"goodbye": harness.Goodbye, "abort": harness.Abort("enough", ""),
	} {
		for kind, session := range sessions {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s := watched(t, harness.Fast(), 1)
				bob := s.others[0]
				bob.Become(session)
				stream := bob.Open(t, s.Host)

				answer := stream.Ask(t, bob.Request(t, s.def, harness.Step(1), ends))

				require.Empty(t, answer.GetError())
				require.ErrorIs(t, readEnd(stream), io.EOF)
				require.NoError(t, s.ceremony.Err())
			})
		}
	}
}

func readEnd(stream io.Reader) error {
	_, err := stream.Read(make([]byte, 1))
	return err
}

// The real node waits in both cases: when the other member's service has nothing
// open, and when its ceremony has failed.
func TestAnObserverDoesNotBlockTheRealNode(t *testing.T) {
	for name, others := range map[string]func(*harness.Node, syncmod.Definition){
		"nothing open": func(*harness.Node, syncmod.Definition) {},
		"failed": func(n *harness.Node, def syncmod.Definition) {
			n.Open(t, def).Abort(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, def := newCluster(t, 2, harness.Fast())
			others(nodes[1], def)
			alice := nodes[0].Open(t, def)
			twin := harness.StartService(t, harness.NewHostWithKey(t, nodes[0].Key), harness.Fast())
			harness.Until(t, alice, func(s syncmod.Status) bool { return s.Peers[0].Waiting != "" })

			look, err := twin.Open(def, syncmod.Observe())
			require.NoError(t, err)

			first := all(t, look, func(p syncmod.PeerStatus) bool { return p.Outbound })[0].LastSeen
			harness.Eventually(t, func() bool { // this takes as long as some heartbeats or attempts to connect
				return look.Status().Peers[0].LastSeen.Sub(first) > 10*harness.Fast().Heartbeat
			}, "it goes on looking")
			require.LessOrEqual(t, look.Status().Peers[0].Reconnects, 1) // the change from pings to a stream
			require.NoError(t, alice.Err())
		})
	}
}
