package peers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// A node measures time with its own clock only. It hands back the timestamps of others,
// and does nothing else with them.
func TestAWrongClockChangesNothing(t *testing.T) {
	for name, off := range map[string]time.Duration{
		"ahead": 7 * time.Hour, "behind": -7 * time.Hour, "before any clock": -200 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			c := harness.New(t, 3)
			odd := playByHand(t, c)
			odd.setClock(off)
			c.Start(0, 1)
			odd.tell([]int{0, 1})
			untilAll(c, []int{0, 1}, func(s syncmod.Status) bool { return connected(2)(s) && member(s, 2).RTT > 0 })

			answered := odd.say(0)

			require.WithinDuration(t, began.Add(off), answered.GetSyncTimestamp().AsTime(), harness.Patience)
			for _, i := range []int{0, 1} {
				p := member(c.Nodes[i].Ceremony.Status(), 2)
				require.Less(t, p.RTT, harness.Patience)
				require.WithinRange(t, p.LastSeen, began, time.Now())
				require.WithinRange(t, p.Since, began, time.Now())
				require.Less(t, c.Nodes[i].Host.Peerstore().LatencyEWMA(c.Nodes[2].ID()), harness.Patience)
				require.Positive(t, c.Nodes[i].Host.Peerstore().LatencyEWMA(c.Nodes[2].ID()))
				require.InDelta(t, min(max(off, -farthest), farthest), p.ClockOffset, float64(harness.Patience))
			}
			finishByHand(t, c, odd)
		})
	}
}

// farthest is the largest clock difference that a node reports.
const farthest = 100 * 365 * 24 * time.Hour

func TestAWrongClockIsLoggedOnce(t *testing.T) {
	for name, session := range map[string]uint64{"of this module": session, "foreign": 0} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3)
			odd := playByHand(t, c)
			odd.Become(session)
			odd.setClock(time.Minute)
			c.Start(0, 1)
			for range 3 {
				odd.tell([]int{0, 1})
			}
			untilAll(c, []int{0, 1}, connected(2))
			status := c.Nodes[0].Ceremony.Status()
			require.InDelta(t, time.Minute, member(status, 2).ClockOffset, float64(harness.Patience))
			require.InDelta(t, 0, member(status, 1).ClockOffset, float64(harness.Patience))

			c.Stop(0, 1) // then all of their reports are written

			for _, i := range []int{0, 1} {
				logged := c.Nodes[i].Logged()
				require.Equal(t, 1, strings.Count(logged, "operator 2 (carol)'s clock is "), harness.Name(i))
				require.Equal(t, 1, strings.Count(logged, "'s clock is "), harness.Name(i))
			}
		})
	}
}

// A clock that jumps while the ceremony runs does not matter either.
func TestAJumpingClockIsHarmless(t *testing.T) {
	config := harness.Patient() // its timeouts are far shorter than the jump of the clock
	config.ExchangeTimeout = harness.Patience
	c := harness.New(t, 3, harness.With(config))
	odd := runByHand(t, c)

	for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour, 0} {
		odd.setClock(off)
		before := time.Now()
		odd.tell([]int{0, 1}, harness.Step(1))
		for _, i := range []int{0, 1} {
			require.False(t, member(c.Nodes[i].Ceremony.Status(), 2).LastSeen.Before(before), harness.Name(i))
		}
	}

	goesOn(t, c, syncmod.Running, 0, 1)
	finishByHand(t, c, odd)
}

// finishByHand takes all members from the same step to the end, including the one that
// is played by hand.
func finishByHand(t *testing.T, c *harness.Cluster, p *byHand) {
	t.Helper()
	others := c.Except(carol)
	last := c.Nodes[others[0]].Ceremony.Status().Step + 1
	waiting := enter(c, others, complete)
	p.tell(others, harness.Step(last))
	p.tell(others, harness.Step(last), harness.Goodbye)
	well(t, waiting)
	goesOn(t, c, syncmod.Complete, others...)
}
