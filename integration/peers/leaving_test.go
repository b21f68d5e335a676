package peers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAnEarlyGoodbyeFailsABarrier(t *testing.T) {
	c := harness.New(t, 3, harness.With(harness.Patient()))
	early := runByHand(t, c)
	waiting := enter(c, []int{0, 1}, advance)
	untilAll(c, []int{0, 1}, func(s syncmod.Status) bool { return s.Step == 2 })

	elapsed := harness.Stopwatch(t)
	early.say(0, harness.Step(1), harness.Goodbye)

	errs := outcome(t, waiting)
	require.LessOrEqual(t, elapsed(), everywhere)
	for i, err := range errs {
		require.Equal(t, c.Nodes[i].Ceremony.Err(), err)
	}
	c.FailWith([]int{0, 1}, syncmod.ErrPeerLeft, 2)
	require.ErrorContains(t, errs[0], "said goodbye at step 1, but step 2 was still to come")
}

func TestABarrierWithoutAMemberFails(t *testing.T) {
	for name, wait := range map[string]int{"a step": 0, "the last one": 1} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3, harness.With(harness.Patient()))
			early := runByHand(t, c)
			early.tell([]int{0, 1}, harness.Step(1), harness.Goodbye)
			goesOn(t, c, syncmod.Running, 0, 1)

			elapsed := harness.Stopwatch(t)
			errs := c.Each([]int{0, 1}, []func(ctx context.Context, c *syncmod.Ceremony) error{advance, complete}[wait])

			require.LessOrEqual(t, elapsed(), everywhere)
			for i, err := range errs {
				require.Error(t, err, harness.Name(i))
			}
			c.FailWith([]int{0, 1}, syncmod.ErrPeerLeft, 2)
		})
	}
}

func TestAGoodbyeBeforeStep1EndsWaits(t *testing.T) {
	c := harness.New(t, 3)
	early := playByHand(t, c)
	c.Start(0, 1)
	waiting := enter(c, []int{0}, await)
	early.say(0, harness.Goodbye)

	require.Error(t, outcome(t, waiting)[0])
	c.FailWith([]int{0}, syncmod.ErrPeerLeft, 2)
	// If alice had met bob before she failed, bob has failed too. Otherwise he
	// waits for her and reads why.
	untilAll(c, []int{1}, func(s syncmod.Status) bool {
		return s.Err != nil || strings.Contains(s.Peers[0].Waiting, "operator 2 (carol) said goodbye at step 0")
	})
}

// For members that are done, it does not matter how long another one still works.
func TestMembersMayFinishAtAnyTime(t *testing.T) {
	c := harness.New(t, 4, harness.With(strict()))
	c.Start()
	c.Advance(c.All()...)

	var waiting []<-chan map[int]error
	for _, done := range []int{3, 1, 0} {
		waiting = append(waiting, enter(c, []int{done}, complete))
		untilAll(c, c.Except(done), atStep2(done))
		<-time.After(strict().PeerTimeout) // she works for longer than a member may be gone
	}
	waiting = append(waiting, enter(c, []int{2}, complete))

	for _, waited := range waiting {
		well(t, waited)
	}
	goesOn(t, c, syncmod.Complete, c.All()...)
}

func TestALateGoodbyeIsWaitedFor(t *testing.T) {
	config := strict()
	config.GoodbyeTimeout = harness.Patience
	c := harness.New(t, 3, harness.With(config))
	lingering := runByHand(t, c)
	waiting := enter(c, []int{0, 1}, complete)
	lingering.tell([]int{0, 1}, harness.Step(2))
	c.Until(0, func(s syncmod.Status) bool { return member(s, 1).Done })
	<-time.After(3 * config.PeerTimeout) // a running ceremony would have given it up by now
	goesOn(t, c, syncmod.Completing, 0, 1)

	lingering.say(1, harness.Step(2), harness.Goodbye)
	c.Until(1, harness.In(syncmod.Complete))
	goesOn(t, c, syncmod.Completing, 0)
	lingering.say(0, harness.Step(2), harness.Goodbye)

	well(t, waiting)
	goesOn(t, c, syncmod.Complete, 0, 1)
}

// Each leaves as soon as it is done. Even the last member to say goodbye gets the
// answer to its goodbye.
func TestMembersMayLeaveOnceDone(t *testing.T) {
	for range 5 {
		t.Run("", func(t *testing.T) {
			c := harness.New(t, 4)
			c.Start()
			c.Advance(c.All()...)

			errs := c.Each(c.All(), func(ctx context.Context, ceremony *syncmod.Ceremony) error {
				if err := ceremony.Complete(ctx); err != nil {
					return err
				}
				return ceremony.Close(ctx)
			})

			for i, err := range errs {
				require.NoError(t, err, harness.Name(i))
			}
			goesOn(t, c, syncmod.Complete, c.All()...)
		})
	}
}
