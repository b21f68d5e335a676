package mixed_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// fiveSteps returns steps that note when they are done.
func fiveSteps(done *[]int) []syncmod.Step {
	var steps []syncmod.Step
	for i := range 5 {
		steps = append(steps, syncmod.Step{Name: fmt.Sprint("step ", i+1), Run: func(context.Context) error {
			*done = append(*done, i+1)
			return nil
		}})
	}
	return steps
}

// run runs a whole ceremony with five steps and the goodbyes on all peers.
func (c *cluster) run() {
	c.t.Helper()
	c.each(c.All(),
		func(ctx context.Context, ceremony *syncmod.Ceremony) error {
			var done []int
			err := ceremony.Run(ctx, fiveSteps(&done)...)
			if err == nil && !slices.Equal(done, []int{1, 2, 3, 4, 5}) {
				err = fmt.Errorf("it did the steps %v", done)
			}
			return err
		},
		func(ctx context.Context, p *refpeer.Peer) error { return p.Run(ctx, 5) })
	for _, i := range c.ours {
		status := c.Nodes[i].Ceremony.Status()
		require.Equal(c.t, syncmod.Complete, status.Phase)
		for _, p := range status.Peers {
			require.True(c.t, p.Done, "%s has not said goodbye", p.Peer.Name)
			require.Equal(c.t, int64(6), p.Step)
		}
	}
}

func times(n int, v refpeer.Variant) []refpeer.Variant { return slices.Repeat([]refpeer.Variant{v}, n) }

func TestMixedClustersComplete(t *testing.T) {
	for _, variant := range variants {
		for ours := 1; ours <= 3; ours++ {
			t.Run(fmt.Sprintf("%d ours and %d %s", ours, 4-ours, variant), func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, ours, times(4-ours, variant))
				c.start()

				c.run()

				c.requireWholeFrames()
			})
		}
	}
}

func TestOneOfEachKindCompletes(t *testing.T) {
	c := newCluster(t, 1, variants)
	c.start()

	c.run()

	c.requireWholeFrames()
}

func TestMixedClustersOverQUIC(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant), harness.QUIC())
		c.start()

		c.run() // a frame may arrive in pieces here: then the peer ends the stream, and our node opens another
	})
}

func TestMixedClustersWithDelays(t *testing.T) {
	for _, variant := range variants {
		for ours := 1; ours <= 3; ours++ {
			t.Run(fmt.Sprintf("%d ours and %d %s", ours, 4-ours, variant), func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, ours, times(4-ours, variant), harness.Links())
				for _, l := range c.Between(c.All(), c.All()) {
					l.Delay(60 * time.Millisecond)
				}
				c.start()

				c.run()

				c.requireWholeFrames()
			})
		}
	}
}

func TestMixedClustersWithSlowPeers(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		for _, i := range c.theirs {
			c.reference(i, refpeer.Options{Variant: variant, FrameDelay: 80 * time.Millisecond})
		}
		c.start()

		c.run()

		c.requireWholeFrames()
	})
}
