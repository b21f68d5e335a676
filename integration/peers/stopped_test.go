package peers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAnEarlyStopIsWaitedFor(t *testing.T) {
	c := harness.New(t, 3)
	c.Start()
	c.Connect(c.All()...)

	c.Stop(2)
	untilAll(c, []int{0, 1}, carolIsLost)
	goesOn(t, c, syncmod.Connecting, 0, 1)
	require.ErrorIs(t, c.Failure(2), syncmod.ErrStopped)

	c.Start(2)
	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestAStopWhileRunningFailsAll(t *testing.T) {
	c := harness.New(t, 3)
	c.Start()
	c.Advance(c.All()...)

	c.Stop(2)

	requireToldThatItStopped(t, c, 2)
}

func TestAStopBeforeTheEndFails(t *testing.T) {
	c := harness.New(t, 3)
	c.Start()
	c.Advance(c.All()...)
	waiting := enter(c, []int{1, 2}, complete)
	untilAll(c, []int{1, 2}, harness.In(syncmod.Completing))

	c.Stop(2)

	require.ErrorIs(t, outcome(t, waiting)[2], syncmod.ErrStopped)
	requireToldThatItStopped(t, c, 2)
}

func TestAStopAmongGoodbyesIsHarmless(t *testing.T) {
	config := harness.Fast()
	config.GoodbyeTimeout = harness.Patience
	c := harness.New(t, 3, harness.With(config))
	lingering := runByHand(t, c)
	waiting := []<-chan map[int]error{enter(c, []int{0}, complete), enter(c, []int{1}, complete)}
	lingering.tell([]int{0, 1}, harness.Step(2))
	c.Until(0, func(s syncmod.Status) bool { return member(s, 1).Done })
	c.Until(1, func(s syncmod.Status) bool { return member(s, 0).Done })

	stopped := make(chan error, 1)
	go func() { stopped <- c.Nodes[0].Stop(c.Context()) }()
	goesOn(t, c, syncmod.Completing, 0, 1) // it says goodbye, and waits for the missing goodbye
	lingering.tell([]int{0, 1}, harness.Step(2), harness.Goodbye)

	require.NoError(t, <-stopped)
	well(t, waiting[0])
	well(t, waiting[1])
	goesOn(t, c, syncmod.Complete, 0, 1)
}

func TestAStopAmongGoodbyesIsBounded(t *testing.T) {
	config := harness.Fast()
	config.GoodbyeTimeout = time.Second
	c := harness.New(t, 3, harness.With(config))
	lingering := runByHand(t, c)
	stopping, waiting := enter(c, []int{0}, complete), enter(c, []int{1}, complete)
	lingering.tell([]int{0, 1}, harness.Step(2))
	c.Until(1, func(s syncmod.Status) bool { return member(s, 0).Done })

	elapsed := harness.Stopwatch(t)
	c.Stop(0)

	require.Less(t, elapsed(), config.GoodbyeTimeout+time.Second)
	outcome(t, stopping) // with or without an error: the stop ended it
	requireUnheard(t, outcome(t, waiting), 2)
	goesOn(t, c, syncmod.Complete, 0, 1)
}

func TestAStopAfterwardsFailsNothing(t *testing.T) {
	c := harness.New(t, 4)
	c.Start()
	c.Advance(c.All()...)
	c.Complete(c.All()...)

	for _, i := range c.All() {
		c.Stop(i)
		goesOn(t, c, syncmod.Complete, c.All()...)
	}
}

func requireToldThatItStopped(t *testing.T, c *harness.Cluster, stopped int) {
	t.Helper()
	require.ErrorIs(t, c.Failure(stopped), syncmod.ErrStopped)
	for _, i := range c.Except(stopped) {
		err := c.Failure(i)
		require.ErrorIs(t, err, syncmod.ErrPeerAborted, harness.Name(i))
		require.Equal(t, stopped, harness.Culprit(t, err).Index, harness.Name(i))
		require.ErrorContains(t, err, "was stopped before the ceremony was complete", harness.Name(i))
	}
}
