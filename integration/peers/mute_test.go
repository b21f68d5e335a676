package peers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestASilentMemberIsMissing(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	playByHand(t, c).mute()
	c.Start(0, 1)

	untilAll(c, []int{0, 1}, carolIsSilent)

	for i, err := range missing(c, 0, 1) {
		require.ErrorContains(t, err, "waiting for 1 of 3 to connect: carol (unreachable for ", harness.Name(i))
		require.ErrorContains(t, err, "it is silent: no response within the exchange timeout", harness.Name(i))
	}
	goesOn(t, c, syncmod.Connecting, 0, 1)
}

func TestAMemberWithoutAnswersIsMissing(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	mute := playByHand(t, c)
	mute.Become(0) // no session: if she had one, none of her requests would count before she answers
	mute.mute()
	c.Start(0, 1)
	untilAll(c, []int{0, 1}, carolIsSilent)

	mute.tell([]int{0, 1})

	for i, err := range missing(c, 0, 1) {
		require.ErrorContains(t, err,
			"waiting for 1 of 3 to connect: carol (it reaches this node, but this node has not reached it for ",
			harness.Name(i))
		require.ErrorContains(t, err, "it is silent: no response within the exchange timeout", harness.Name(i))
	}
}

func TestAMuteMemberIsNamed(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	mute := runByHand(t, c)

	elapsed := harness.Stopwatch(t)
	mute.mute()

	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)
	require.Less(t, elapsed(), strict().PeerTimeout+time.Second)
}

func TestStoppingTakesUnderASecond(t *testing.T) {
	for name, story := range map[string]func(*testing.T, *harness.Cluster) (leave func()){
		"mute while connecting": func(t *testing.T, c *harness.Cluster) func() {
			mute := playByHand(t, c)
			mute.mute()
			c.Start(0, 1)
			mute.awaitHeard(0)
			return func() {}
		},
		"mute while running": func(t *testing.T, c *harness.Cluster) func() { return runByHand(t, c).mute },
		"dead while connecting": func(_ *testing.T, c *harness.Cluster) func() {
			c.Nodes[2].CloseHost()
			c.Start(0, 1)
			return func() {}
		},
		"dead while running": func(_ *testing.T, c *harness.Cluster) func() { return run(c).Kill },
		"frozen while connecting": func(_ *testing.T, c *harness.Cluster) func() {
			frozen := c.Spawn(2)
			c.Start(0, 1)
			frozen.Wait(isConnected)
			return frozen.Freeze
		},
		"frozen while running": func(_ *testing.T, c *harness.Cluster) func() { return run(c).Freeze },
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3)
			leave := story(t, c)

			leave()
			requireStopsSoon(t, c, 0) // while nothing is known of her
			c.Until(1, func(s syncmod.Status) bool {
				return s.Phase == syncmod.Failed || member(s, 2).LastError != nil
			})
			requireStopsSoon(t, c, 1) // once she is known to be missing
		})
	}
}

// missing makes nodes wait for everyone to be connected, but only for
// a moment, and returns their errors.
func missing(c *harness.Cluster, nodes ...int) map[int]error {
	return c.Each(nodes, func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		return ceremony.AwaitConnected(ctx)
	})
}

// runByHand brings a whole cluster past the barrier of step 1, with carol played by
// hand.
func runByHand(t *testing.T, c *harness.Cluster) *byHand {
	t.Helper()
	p := playByHand(t, c)
	others := c.Except(carol)
	c.Start(others...)
	waiting := enter(c, others, advance)
	p.tell(others)
	p.tell(others, harness.Step(1))
	well(t, waiting)
	return p
}

func requireStopsSoon(t *testing.T, c *harness.Cluster, node int) {
	t.Helper()
	elapsed := harness.Stopwatch(t)
	require.NoError(t, c.Nodes[node].Stop(c.Context()))
	require.Less(t, elapsed(), time.Second, harness.Name(node))
}
