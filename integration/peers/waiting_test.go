package peers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAFailureEndsConnecting(t *testing.T) {
	c := harness.New(t, 4)
	c.Start(0, 1, 2) // dave is missing
	untilAll(c, []int{1, 2}, connected(0))
	waiting := enter(c, []int{1, 2}, await)

	requireFailureEnds(t, c, waiting, 1, 2)
}

func TestAFailureEndsAStepsWait(t *testing.T) {
	for name, wait := range map[string]func(context.Context, *syncmod.Ceremony) error{
		"Advance": advance,
		"AwaitStep": func(ctx context.Context, ceremony *syncmod.Ceremony) error {
			if err := ceremony.SetStep(2); err != nil {
				return err
			}
			return ceremony.AwaitStep(ctx, 2)
		},
		"AwaitStep before SetStep": func(ctx context.Context, ceremony *syncmod.Ceremony) error {
			done := make(chan error, 1)
			go func() { done <- ceremony.AwaitStep(ctx, 2) }()
			if err := ceremony.SetStep(2); err != nil {
				return err
			}
			return <-done
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 4)
			c.Start()
			c.Advance(c.All()...)
			waiting := enter(c, []int{1, 2, 3}, wait)
			untilAll(c, []int{1, 2, 3}, func(s syncmod.Status) bool { return s.Step == 2 })

			requireFailureEnds(t, c, waiting, 1, 2, 3)
		})
	}
}

func TestAFailureEndsTheLastWait(t *testing.T) {
	c := harness.New(t, 4)
	c.Start()
	c.Advance(c.All()...)
	waiting := enter(c, []int{1, 2, 3}, complete)
	untilAll(c, []int{1, 2, 3}, harness.In(syncmod.Completing))

	requireFailureEnds(t, c, waiting, 1, 2, 3)
}

// While waiting for goodbyes, a member may give up, say so, and leave. Nobody minds.
func TestOnlyGoodbyesEndAWaitForThem(t *testing.T) {
	config := strict()
	config.GoodbyeTimeout = harness.Patience
	c := harness.New(t, 3, harness.With(config))
	lingering := runByHand(t, c)
	waiting := enter(c, []int{0, 1}, complete)
	lingering.tell([]int{0, 1}, harness.Step(2))
	c.Until(0, func(s syncmod.Status) bool { return member(s, 1).Done })
	c.Until(1, func(s syncmod.Status) bool { return member(s, 0).Done })

	c.Nodes[0].Ceremony.Abort(errDisk)
	lingering.tell([]int{0, 1}, harness.Step(2), harness.Abort("the disk is full", ""))
	lingering.mute()
	<-time.After(2 * config.PeerTimeout) // a running ceremony would have failed by now
	goesOn(t, c, syncmod.Completing, 0, 1)

	lingering.tell([]int{0, 1}, harness.Step(2), harness.Goodbye)
	well(t, waiting) // even if the waiting nodes' goodbyes get no answer: a member that is done need not answer
	goesOn(t, c, syncmod.Complete, 0, 1)
}

// requireFailureEnds makes the first node give up, and requires that this ends the
// others' waits at once.
func requireFailureEnds(t *testing.T, c *harness.Cluster, waiting <-chan map[int]error, nodes ...int) {
	t.Helper()
	goesOn(t, c, c.Nodes[nodes[0]].Ceremony.Status().Phase, nodes...)
	elapsed := harness.Stopwatch(t)
	c.Nodes[0].Ceremony.Abort(errDisk)
	errs := outcome(t, waiting)
	require.LessOrEqual(t, elapsed(), everywhere)
	require.Len(t, errs, len(nodes))
	for i, err := range errs {
		require.Equal(t, c.Nodes[i].Ceremony.Err(), err)
		require.ErrorIs(t, err, syncmod.ErrPeerAborted, harness.Name(i))
		require.Equal(t, 0, harness.Culprit(t, err).Index, harness.Name(i))
		require.ErrorContains(t, err, "the disk is full", harness.Name(i))
	}
}
