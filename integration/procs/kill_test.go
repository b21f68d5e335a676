package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	moments = flag.Int("moments", 6, "at how many random moments a process is killed")
	seed    = flag.Uint64("seed", 2617, "the seed of the moments; 0: a new seed each time")
)

// A process is killed at any moment. Then either everyone has a share, or there is no
// share that anything would use.
func TestAKillAtAnyMoment(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("to see the same moments again: -moments %d -seed %d", *moments, *seed)
	for i := range *moments {
		t.Run(fmt.Sprint("moment ", i), func(t *testing.T) {
			m := drawMoment(rand.New(rand.NewPCG(*seed, uint64(i))))
			c := newCluster(t, m.attempts)
			ctx := bounded(t)
			require.NoError(t, c.begin(ctx, 0))

			require.NoError(t, m.strike(ctx, c))

			all, err := c.checkAllOrNone(ctx)
			t.Logf("%s: shares for all: %v", m, all)
			require.NoError(t, err)
			if !all {
				require.False(t, m.isMended(), "nothing was in the way of the next attempt")
				require.NoError(t, c.startNodes(ctx, c.members))
				require.NoError(t, c.finish(ctx), "the next ceremony, with what the first has left")
				require.NoError(t, c.check(ctx))
			}
			require.NoError(t, c.checkRest())
		})
	}
}

// relayVictim is the number after the last operator index, and stands for the
// relay.
const relayVictim = 4

// moment says which process is killed and when, and what follows.
type moment struct {
	victim   int // operator index, or relayVictim
	line     string
	after    time.Duration // the time from the moment when the victim printed the line
	attempts int
	again    bool // the victim is started again; otherwise all others are stopped
}

// isMended reports whether the ceremony must complete despite the kill.
func (m moment) isMended() bool { return m.victim == relayVictim || m.again && m.attempts > 1 }

func (m moment) String() string {
	return fmt.Sprintf("process %d, %s after %q, %d attempts, started again: %v",
		m.victim, m.after, m.line, m.attempts, m.again)
}

// drawMoment draws a moment around one of the lines that a node prints. Every phase takes
// only a few milliseconds, the last barrier too, so a random time would rarely hit a
// given phase.
func drawMoment(random *rand.Rand) moment {
	lines := []struct {
		text   string
		within time.Duration
	}{
		{"this node is", 300 * time.Millisecond},
		{"this node is connected to everyone", 20 * time.Millisecond},
		{"everyone is ready to begin step 1", 20 * time.Millisecond},
		{"everyone has finished step 1", 20 * time.Millisecond},
		{"everyone has finished step 2", 30 * time.Millisecond},
		{"everyone has finished step 2", 30 * time.Millisecond},
		{"everyone has finished step 3", 10 * time.Millisecond},
		{"all 4 members attest", 10 * time.Millisecond},
	}
	line := lines[random.IntN(len(lines))]
	return moment{
		victim:   random.IntN(relayVictim + 1),
		line:     line.text,
		after:    time.Duration(random.Int64N(int64(line.within))),
		attempts: 1 + random.IntN(2),
		again:    random.IntN(3) > 0,
	}
}

// strike waits for the moment, kills the victim, and waits until no node runs any longer.
func (m moment) strike(ctx context.Context, c *cluster) error {
	watched := c.members[m.victim%relayVictim]
	if _, err := watched.process.said.wait(ctx, m.line); err != nil {
		return err
	}
	select {
	case <-time.After(m.after):
	case <-watched.process.over:
	}
	switch {
	case m.victim == relayVictim:
		c.kill(c.relay.process)
		if err := c.startRelay(ctx); err != nil {
			return err
		}
	case m.again:
		c.kill(watched.process)
		if err := c.startNode(ctx, watched); err != nil {
			return err
		}
	default:
		c.kill(watched.process)
		return c.interrupt(ctx)
	}
	return c.settle(ctx)
}
