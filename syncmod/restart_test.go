package syncmod_test

import (
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// restart kills a node as a crash would, and starts it again with the same
// identity at the same address, as a new process.
func restart(t testing.TB, n *node, cfg syncmod.Config) *node {
	t.Helper()
	key, addrs := n.host.Peerstore().PrivKey(n.host.ID()), n.host.Addrs()
	require.NoError(t, n.host.Close())
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrs(addrs...), libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return &node{host: h, service: startService(t, h, cfg)}
}

func TestANodeThatCrashesBeforeStep1MayComeBack(t *testing.T) {
	nodes, def := newCluster(t, 3, patient())
	ceremonies := open(t, nodes, def)
	connect(t, ceremonies)

	nodes[2] = restart(t, nodes[2], patient())
	ceremonies[2] = open(t, nodes[2:], def)[0]

	run(t, ceremonies)
}

func TestANodeThatCrashesLaterIsNamedByEveryone(t *testing.T) {
	for when, barriers := range map[string]int{"at step 1": 1, "at step 3": 3} {
		t.Run(when, func(t *testing.T) {
			nodes, def := newCluster(t, 3, patient())
			ceremonies := open(t, nodes, def)
			for range barriers {
				advance(t, ceremonies)
			}

			nodes[2] = restart(t, nodes[2], patient())
			ceremonies[2] = open(t, nodes[2:], def)[0]

			for i, c := range ceremonies {
				err := failure(t, c)
				require.ErrorContains(t, err, "carol", name(i))
				require.ErrorContains(t, err, "restarted", name(i))
				if i < 2 { // carol herself hears it from whoever refuses her first, or finds out
					require.Equal(t, 2, culprit(t, err).Index, name(i))
				}
			}
		})
	}
}

func TestWhatIsLeftOfACeremonyThatIsOverKillsNoneThatFollows(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	bob.answer()
	first := s.meet(t, bob, withSession(7), withStep(1))
	_, err := s.ceremony.Advance(within(t))
	require.NoError(t, err)
	first.accepted(t, bob.request(t, s.def, withSession(7), withStep(2)))
	s.ceremony.Abort(errors.New("no more"))
	require.NoError(t, s.ceremony.Close(within(t)))
	s.ceremony = open(t, []*node{s.node}, s.def)[0]

	late := bob.open(t, s.host) // of the ceremony before: whoever is at step 2 cannot be in this one
	late.say(t, bob.request(t, s.def, withSession(7), withStep(2)))
	requireReset(t, late)

	require.NoError(t, s.ceremony.Err())
	s.meet(t, bob, withSession(8), withStep(1))
	_, err = s.ceremony.Advance(within(t))
	require.NoError(t, err)
}

func TestAGoodbyeFromACeremonyBeforeIsAnsweredAndChangesNothing(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	bob.answer()

	left := bob.open(t, s.host)
	left.accepted(t, bob.request(t, s.def, withSession(7), withStep(5), withGoodbye))
	requireClosed(t, left)

	require.NoError(t, s.ceremony.Err())
	require.False(t, s.ceremony.Status().Peers[0].Done)
	s.meet(t, bob, withSession(8), withStep(1))
	_, err := s.ceremony.Advance(within(t))
	require.NoError(t, err)
}
