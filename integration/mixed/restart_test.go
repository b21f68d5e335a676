package mixed_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// restartReference ends a reference peer as the end of its process would, and starts it
// again with the same identity and address.
func (c *cluster) restartReference(i int, variant refpeer.Variant) {
	c.t.Helper()
	c.refs[i].Close()
	c.Nodes[i].CloseHost()
	c.Nodes[i].OpenHost()
	theirs := c.reference(i, refpeer.Options{Variant: variant})
	theirs.Serve()
	for _, j := range c.Except(i) {
		c.meet(i, j)
	}
	theirs.Dial()
}

func TestARestartAtStep1IsNamed(t *testing.T) {
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)

		c.restartReference(3, variant)
		elapsed := harness.Stopwatch(c.t)

		c.FailWith(c.ours, syncmod.ErrPeerRestarted, 3)
		require.Less(t, elapsed(), time.Second) // its first request comes within a tick
		c.rejected("", 3)
		c.failed(2)
	})
}

func TestALaterRestartIsNamed(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(2)

		c.restartReference(3, variant)

		c.failWithDave() // dave may refuse our node, because he no longer knows it
		c.failed(c.theirs...)
	})
}

func TestARestartOfOurNodeFailsEveryone(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		for _, step := range []int{1, 3} {
			t.Run(fmt.Sprint("at step ", step), func(t *testing.T) {
				c := newCluster(t, 2, times(2, variant), harness.Links())
				c.begin(step)

				c.restartOurs()

				// The error says that the node restarted or that it is gone. Both are possible,
				// because the restarted node is refused and may have ended by then.
				failed := c.Failure(1)
				require.Equal(t, 0, harness.Culprit(t, failed).Index, "%v", failed)
				// A reference peer refuses the restarted node, or our other node
				// tells it to wait.
				c.Until(0, func(s syncmod.Status) bool {
					return s.Phase == syncmod.Failed || strings.HasPrefix(s.Peers[0].Waiting, "its attempt has failed")
				})
				c.failed(c.theirs...)
			})
		}
	})
}

// restartOurs ends our first node as the end of its process would, and starts it again
// with the same identity and address. Nobody reaches it before its handler exists,
// because Pluto would give up on it.
func (c *cluster) restartOurs() {
	c.t.Helper()
	for _, j := range c.Except(0) {
		c.Link(j, 0).Cut()
	}
	c.Kill(0)
	c.Nodes[0].OpenHost()
	c.Start(0) // now it reaches the others
}

func TestARestartOfOurOnlyNodeIsRefused(t *testing.T) {
	c := newCluster(t, 1, times(1, refpeer.CharonLike), harness.Links())
	c.begin(1)

	c.restartOurs()

	err := c.Failure(0)
	require.ErrorIs(t, err, syncmod.ErrPeerRejected)
	require.ErrorContains(t, err, "0 is below the last one, 1")
	require.ErrorIs(t, c.refs[1].Failure(c.Context()), refpeer.ErrStep)
}

func TestARestartOfOurOnlyNodeWaits(t *testing.T) {
	for _, variant := range []refpeer.Variant{refpeer.PlutoLike, refpeer.OlderCharonLike} {
		t.Run(variant.String(), func(t *testing.T) {
			c := newCluster(t, 1, times(1, variant), harness.Links())
			c.begin(1)

			c.restartOurs()

			require.ErrorIs(t, c.refs[1].Failure(c.Context()), refpeer.ErrStep)
			c.refs[1].Close() // as its process would end
			ctx, cancel := context.WithTimeout(c.Context(), time.Second)
			defer cancel()
			var missing *syncmod.WaitError
			require.ErrorAs(t, c.Nodes[0].Ceremony.AwaitConnected(ctx), &missing)
			require.Len(t, missing.Missing, 1)
			require.NoError(t, c.Nodes[0].Ceremony.Err())
		})
	}
}

func TestALaterRestartOfOurOnlyNode(t *testing.T) {
	// The other peer may refuse our node first.
	for _, variant := range []refpeer.Variant{refpeer.PlutoLike, refpeer.OlderCharonLike} {
		t.Run(variant.String(), func(t *testing.T) {
			c := newCluster(t, 1, times(1, variant), harness.Links())
			c.begin(3)

			c.restartOurs()

			require.ErrorIs(t, c.Failure(0), syncmod.ErrSelfRestarted)
			c.failed(1)
		})
	}
}
