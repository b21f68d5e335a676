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
	seed    = flag.Uint64("seed", 2617, "which moments; 0: others each time")
)

// A process is killed at any moment: then there are shares for everybody, or none that
// anything would use.
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

// relayVictim comes after the operator indexes.
const relayVictim = 4

// moment is when which process is killed, and what follows.
type moment struct {
	victim   int // operator index, or relayVictim
	line     string
	after    time.Duration // the victim said that
	attempts int
	again    bool // it is started again; otherwise all others are stopped
}

// isMended reports whether the ceremony has to be complete in spite of it.
func (m moment) isMended() bool { return m.victim == relayVictim || m.again && m.attempts > 1 }

func (m moment) String() string {
	return fmt.Sprintf("process %d, %s after %q, %d attempts, started again: %v",
		m.victim, m.after, m.line, m.attempts, m.again)
}

// The last barrier is a few milliseconds long, and everything else too: so the moments
// are drawn around what a node says on its way.
func drawMoment(random *rand.Rand) moment {
	lines := []struct {
		text   string
		within time.Duration
	}{
		{"this node is", 300 * time.Millisecond},
		{"everyone is connected", 20 * time.Millisecond},
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

// strike waits for the moment, kills, and waits until no node runs any more.
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
