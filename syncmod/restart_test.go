package syncmod_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// restart kills a node as a crash would. It then starts a new process with the same
// identity at the same address.
func restart(t testing.TB, n *harness.Node) {
	t.Helper()
	n.CloseHost()
	require.NoError(t, n.Stop(harness.Within(t)))
	n.OpenHost()
	require.NoError(t, n.Run())
}

func TestAnEarlyCrashIsForgiven(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Patient())
	ceremonies := harness.Open(t, nodes, def)
	connect(t, ceremonies)

	restart(t, nodes[2])
	ceremonies[2] = nodes[2].Open(t, def)

	run(t, ceremonies)
}

func TestACrashedNodeJoinsTheNextAttempt(t *testing.T) {
	for when, barriers := range map[string]int{"at step 1": 1, "at step 3": 3} {
		t.Run(when, func(t *testing.T) {
			nodes, def := newCluster(t, 3, harness.Patient())
			ceremonies := harness.Open(t, nodes, def)
			for range barriers {
				advance(t, ceremonies)
			}

			restart(t, nodes[2])
			ceremonies[2] = nodes[2].Open(t, def)

			for i, c := range ceremonies[:2] {
				err := harness.Failure(t, c)
				require.Equal(t, 2, harness.Culprit(t, err).Index, harness.Name(i))
				require.ErrorContains(t, err, "restarted", harness.Name(i))
			}
			harness.Until(t, ceremonies[2], func(s syncmod.Status) bool {
				return strings.Contains(s.Peers[0].Waiting, "operator 2 (carol) restarted") &&
					strings.Contains(s.Peers[1].Waiting, "operator 2 (carol) restarted")
			})
			closeAll(t, ceremonies[:2])
			run(t, append(harness.Open(t, nodes[:2], def), ceremonies[2]))
		})
	}
}

// lateAttempt returns a scene whose node has closed an attempt, in which bob reached a
// step, and has opened the next one. It returns the session of the node in the closed
// attempt.
func lateAttempt(t *testing.T, step int64) (s *scene, before uint64) {
	t.Helper()
	s = newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	s.meet(t, bob, harness.Step(step))
	before = bob.Meet(t, s.Host.ID())
	if step > 0 {
		_, err := s.ceremony.Advance(harness.Within(t))
		require.NoError(t, err)
	}
	s.ceremony.Abort(errors.New("no more"))
	require.NoError(t, s.ceremony.Close(harness.Within(t)))
	s.ceremony = s.Open(t, s.def)
	return s, before
}

func TestLeftoversHarmNoLaterAttempt(t *testing.T) {
	for what, late := range map[string]struct {
		step int64 // bob's step in the previous attempt
		says []harness.Saying
	}{
		"an abort while connecting": {0, []harness.Saying{harness.Abort("no more", "")}},
		"an abort":                  {1, []harness.Saying{harness.Step(1), harness.Abort("no more", "")}},
		"step 1":                    {1, []harness.Saying{harness.Step(1)}},
		"step 2":                    {1, []harness.Saying{harness.Step(2)}},
		"a goodbye":                 {1, []harness.Saying{harness.Step(1), harness.Goodbye}},
	} {
		t.Run(what, func(t *testing.T) {
			s, before := lateAttempt(t, late.step)
			bob := s.others[0]

			says := append([]harness.Saying{harness.Addressee(before)}, late.says...)
			require.Empty(t, bob.Open(t, s.Host).Greeted(t, bob.Request(t, s.def, says...)))

			require.False(t, s.ceremony.Status().Peers[0].Done)
			bob.Become(8)
			s.meet(t, bob)
			s.meet(t, bob, harness.Step(1))
			_, err := s.ceremony.Advance(harness.Within(t))
			require.NoError(t, err)
		})
	}
}
