package syncmod_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestStopTwiceAndRestartWork(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	for range 3 {
		ceremonies := harness.Open(t, nodes, def)
		run(t, ceremonies)
		for range 2 {
			require.NoError(t, nodes[0].Service.Stop(harness.Within(t)))
		}
		require.Empty(t, nodes[0].Service.Ceremonies())
		_, err := nodes[0].Service.Open(def)
		require.ErrorIs(t, err, syncmod.ErrStopped)

		require.NoError(t, nodes[0].Service.Start(harness.Within(t)))

		closeAll(t, ceremonies[1:])
	}
}

// A mute member accepts streams and reads from them, but never says anything.
func TestAMuteMemberDoesNotBlockStop(t *testing.T) {
	for name, step := range map[string]int64{"connecting": 0, "running": 1} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			stream := harness.Next(t, bob.Accept(t))
			stream.Heed(t)
			s.meet(t, bob, harness.Step(1))
			require.NoError(t, s.ceremony.SetStep(step))

			elapsed := harness.Stopwatch(t)
			require.NoError(t, s.Service.Stop(harness.Within(t)))

			require.Less(t, elapsed(), time.Second)
			require.ErrorIs(t, s.ceremony.Err(), syncmod.ErrStopped)
		})
	}
}

func TestClosingEndsInboundStreams(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	stream := s.meet(t, s.others[0])

	require.NoError(t, s.ceremony.Close(harness.Within(t)))
	require.NoError(t, s.ceremony.Close(harness.Within(t)))

	stream.RequireReset(t)
}

func TestAClosedRunNamesWhoIsMissing(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)

	err := s.ceremony.Run(briefly(t), syncmod.Step{Name: "only"})

	require.ErrorIs(t, err, syncmod.ErrStopped)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for 1 of 2 to connect: bob (")
	require.Empty(t, s.Service.Ceremonies())
}

func TestADefinitionIsOpenOnce(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)

	_, err := s.Service.Open(s.def)

	require.ErrorIs(t, err, syncmod.ErrOpen)
	require.NoError(t, s.ceremony.Close(harness.Within(t)))
	_, err = s.Service.Open(s.def)
	require.NoError(t, err)
}

func TestADefinitionCanBeRunAgain(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	for range 5 {
		ceremonies := harness.Open(t, nodes, def)
		run(t, ceremonies)
		closeAll(t, ceremonies)
	}
}

func TestANodeMayBeginTheNextCeremonyEarly(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	before := harness.Open(t, nodes, def)
	run(t, before)
	closeAll(t, before[:1])
	after := harness.Open(t, nodes[:1], def)
	closeAll(t, before[1:])

	after = append(after, harness.Open(t, nodes[1:], def)...)

	run(t, after)
}

func TestSeveralCeremoniesRunAtOnce(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	var all []*syncmod.Ceremony
	for _, about := range []string{"one", "two", "three"} {
		another := def
		another.Hash = harness.Define(about).Hash
		all = append(all, harness.Open(t, nodes, another)...)
	}
	run(t, all)
	require.Len(t, nodes[0].Service.Ceremonies(), 3)
}

func TestAFailureLeavesOthersAlone(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	another := def
	another.Hash = harness.Define("another").Hash
	failing, going := harness.Open(t, nodes, def), harness.Open(t, nodes, another)
	connect(t, failing)

	failing[0].Abort(context.Canceled)

	require.ErrorIs(t, harness.Failure(t, failing[1]), syncmod.ErrPeerAborted)
	run(t, going)
}

func TestALateMemberIsAwaited(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	require.NoError(t, nodes[2].Service.Stop(harness.Within(t)))
	early := harness.Open(t, nodes[:2], def)
	for i, c := range early {
		harness.Until(t, c, func(s syncmod.Status) bool { return harness.Connected(s.Peers[0]) })
		require.Equal(t, 1-i, c.Status().Peers[0].Index)
	}
	soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	for _, err := range harness.Everyone(early, func(c *syncmod.Ceremony) error { return c.AwaitConnected(soon) }) {
		require.ErrorContains(t, err, "waiting for 1 of 3 to connect: carol (")
	}

	require.NoError(t, nodes[2].Service.Start(harness.Within(t)))

	run(t, append(early, harness.Open(t, nodes[2:], def)...))
}
