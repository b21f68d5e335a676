package syncmod_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// restart kills a node as a crash would, and starts it again with the same
// identity at the same address, as a new process.
func restart(t testing.TB, n *harness.Node) {
	t.Helper()
	n.CloseHost()
	require.NoError(t, n.Stop(harness.Within(t)))
	n.OpenHost()
	require.NoError(t, n.Run())
}

func TestANodeThatCrashesBeforeStep1MayComeBack(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Patient())
	ceremonies := harness.Open(t, nodes, def)
	connect(t, ceremonies)

	restart(t, nodes[2])
	ceremonies[2] = nodes[2].Open(t, def)

	run(t, ceremonies)
}

func TestANodeThatCrashesLaterIsNamedByEveryone(t *testing.T) {
	for when, barriers := range map[string]int{"at step 1": 1, "at step 3": 3} {
		t.Run(when, func(t *testing.T) {
			nodes, def := newCluster(t, 3, harness.Patient())
			ceremonies := harness.Open(t, nodes, def)
			for range barriers {
				advance(t, ceremonies)
			}

			restart(t, nodes[2])
			ceremonies[2] = nodes[2].Open(t, def)

			for i, c := range ceremonies {
				err := harness.Failure(t, c)
				require.ErrorContains(t, err, "carol", harness.Name(i))
				require.ErrorContains(t, err, "restarted", harness.Name(i))
				if i < 2 { // carol herself hears it from whoever refuses her first, or finds out
					require.Equal(t, 2, harness.Culprit(t, err).Index, harness.Name(i))
				}
			}
		})
	}
}

func TestWhatIsLeftOfACeremonyThatIsOverKillsNoneThatFollows(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Answer()
	first := s.meet(t, bob, harness.Session(7), harness.Step(1))
	_, err := s.ceremony.Advance(harness.Within(t))
	require.NoError(t, err)
	first.Accepted(t, bob.Request(t, s.def, harness.Session(7), harness.Step(2)))
	s.ceremony.Abort(errors.New("no more"))
	require.NoError(t, s.ceremony.Close(harness.Within(t)))
	s.ceremony = s.Open(t, s.def)

	late := bob.Open(t, s.Host) // of the ceremony before: whoever is at step 2 cannot be in this one
	late.Say(t, bob.Request(t, s.def, harness.Session(7), harness.Step(2)))
	late.RequireReset(t)

	require.NoError(t, s.ceremony.Err())
	s.meet(t, bob, harness.Session(8), harness.Step(1))
	_, err = s.ceremony.Advance(harness.Within(t))
	require.NoError(t, err)
}

func TestAGoodbyeFromACeremonyBeforeIsAnsweredAndChangesNothing(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Answer()

	left := bob.Open(t, s.Host)
	left.Accepted(t, bob.Request(t, s.def, harness.Session(7), harness.Step(5), harness.Goodbye))
	left.RequireClosed(t)

	require.NoError(t, s.ceremony.Err())
	require.False(t, s.ceremony.Status().Peers[0].Done)
	s.meet(t, bob, harness.Session(8), harness.Step(1))
	_, err := s.ceremony.Advance(harness.Within(t))
	require.NoError(t, err)
}
