package networks_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestConnectionsBreakAtAnyByte(t *testing.T) {
	t.Parallel()
	config := patient()
	config.Heartbeat = 5 * time.Second // few heartbeats: most bytes belong to messages that matter
	const step, last = 128, 10<<10 - 127
	for at := 1; at <= last; at += step {
		t.Run(fmt.Sprint("after ", at), func(t *testing.T) {
			t.Parallel()
			c := harness.New(t, 2, harness.Links(), harness.With(config))
			dropped := c.Link(0, 1).DropAfter(at)
			c.Start(0) // alice dials a host that has no handler yet
			c.Until(0, func(s syncmod.Status) bool { return s.Peers[0].Attempts > 0 })
			c.Start(1)

			c.Advance(c.All()...)
			c.Advance(c.All()...)
			if at == last {
				require.False(t, isClosed(dropped), "two barriers take more bytes than the test covers")
			}
			for patience := c.Context(); !isClosed(dropped); {
				require.NoError(t, patience.Err(), "nothing passes on this link")
				c.Advance(c.All()...)
			}
			c.Advance(c.All()...)
		})
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func TestAHandshakeMayBreak(t *testing.T) {
	t.Parallel()
	for at := 1; at < 1000; at += 200 {
		t.Run(fmt.Sprint("after ", at), func(t *testing.T) {
			t.Parallel()
			c := harness.New(t, 2, harness.Links(), harness.With(patient()))
			c.Link(1, 0).Cut()
			dropped := c.Link(0, 1).DropAfter(at)
			c.Start()

			c.Advance(c.All()...) // the host pauses for seconds before it dials again
			c.Advance(c.All()...)

			<-dropped
		})
	}
}

func TestBarriersOutliveConnections(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // nobody gains by guessing it
	c := harness.New(t, 3, harness.Links(), harness.With(patient()))
	c.Start()
	c.Advance(c.All()...)

	for range 15 {
		i, at := random.IntN(3), time.Duration(random.IntN(3000))*time.Microsecond
		done := make(chan struct{})
		time.AfterFunc(at, func() { // somewhere in the barrier, or just after it
			defer close(done)
			for _, l := range c.Between([]int{i}, []int{(i + 1) % 3}) {
				l.Drop()
			}
		})
		c.Advance(c.All()...)
		<-done
	}

	c.Complete(c.All()...)
	require.Greater(t, c.Reconnects(c.All()...), 5)
}
