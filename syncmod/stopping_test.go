package syncmod_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

func TestStoppingTwiceAndStartingAgainWorks(t *testing.T) {
	nodes, def := newCluster(t, 2, fast())
	for range 3 {
		ceremonies := open(t, nodes, def)
		run(t, ceremonies)
		for range 2 {
			require.NoError(t, nodes[0].service.Stop(within(t)))
		}
		require.Empty(t, nodes[0].service.Ceremonies())
		_, err := nodes[0].service.Open(def)
		require.ErrorIs(t, err, syncmod.ErrStopped)

		require.NoError(t, nodes[0].service.Start(within(t)))

		closeAll(t, ceremonies[1:])
	}
}

// A mute member accepts streams and reads them, and never says anything.
func TestAMuteMemberDoesNotKeepAServiceFromStopping(t *testing.T) {
	for name, step := range map[string]int64{"connecting": 0, "running": 1} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fast(), 1)
			bob := s.others[0]
			stream := next(t, bob.accept(t))
			stream.heed(t)
			s.meet(t, bob, withStep(1))
			require.NoError(t, s.ceremony.SetStep(step))

			began := time.Now()
			require.NoError(t, s.service.Stop(within(t)))

			require.Less(t, time.Since(began), time.Second)
			require.ErrorIs(t, s.ceremony.Err(), syncmod.ErrStopped)
		})
	}
}

func TestClosingEndsTheStreamsThatMembersHaveOpened(t *testing.T) {
	s := newScene(t, fast(), 1)
	stream := s.meet(t, s.others[0])

	require.NoError(t, s.ceremony.Close(within(t)))
	require.NoError(t, s.ceremony.Close(within(t)))

	requireReset(t, stream)
}

func TestAClosedRunSaysWhomItWasWaitingFor(t *testing.T) {
	s := newScene(t, fast(), 1)

	err := s.ceremony.Run(briefly(t), syncmod.Step{Name: "only"})

	require.ErrorIs(t, err, syncmod.ErrStopped)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for 1 of 2 to connect: bob (")
	require.Empty(t, s.service.Ceremonies())
}

func TestAnOpenDefinitionIsNotOpenedAgain(t *testing.T) {
	s := newScene(t, fast(), 1)

	_, err := s.service.Open(s.def)

	require.ErrorIs(t, err, syncmod.ErrOpen)
	require.NoError(t, s.ceremony.Close(within(t)))
	_, err = s.service.Open(s.def)
	require.NoError(t, err)
}

func TestCeremoniesOneAfterTheOtherWithTheSameDefinition(t *testing.T) {
	nodes, def := newCluster(t, 3, fast())
	for range 5 {
		ceremonies := open(t, nodes, def)
		run(t, ceremonies)
		closeAll(t, ceremonies)
	}
}

func TestANodeMayBeginTheNextCeremonyBeforeTheOthersHaveClosedTheLast(t *testing.T) {
	nodes, def := newCluster(t, 3, fast())
	before := open(t, nodes, def)
	run(t, before)
	closeAll(t, before[:1])
	after := open(t, nodes[:1], def)
	closeAll(t, before[1:])

	after = append(after, open(t, nodes[1:], def)...)

	run(t, after)
}

func TestSeveralCeremoniesAtOnceWithTheSameMembers(t *testing.T) {
	nodes, def := newCluster(t, 3, fast())
	var all []*syncmod.Ceremony
	for _, about := range []string{"one", "two", "three"} {
		another := def
		another.Hash = definitionOf(about).Hash
		all = append(all, open(t, nodes, another)...)
	}
	run(t, all)
	require.Len(t, nodes[0].service.Ceremonies(), 3)
}

func TestAFailureOfOneCeremonyLeavesTheOthersAlone(t *testing.T) {
	nodes, def := newCluster(t, 2, fast())
	another := def
	another.Hash = definitionOf("another").Hash
	failing, going := open(t, nodes, def), open(t, nodes, another)
	connect(t, failing)

	failing[0].Abort(context.Canceled)

	require.ErrorIs(t, failure(t, failing[1]), syncmod.ErrPeerAborted)
	run(t, going)
}

func TestALateMemberIsWaitedFor(t *testing.T) {
	nodes, def := newCluster(t, 3, fast())
	require.NoError(t, nodes[2].service.Stop(within(t)))
	early := open(t, nodes[:2], def)
	soon, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	for _, err := range everyone(early, func(_ int, c *syncmod.Ceremony) error { return c.AwaitConnected(soon) }) {
		require.ErrorContains(t, err, "waiting for 1 of 3 to connect: carol (")
	}

	require.NoError(t, nodes[2].service.Start(within(t)))

	run(t, append(early, open(t, nodes[2:], def)...))
}
