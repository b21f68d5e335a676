package mixed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAReferencePeerAttestsNothing(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 3, times(1, variant))
		c.start()
		for _, i := range c.ours {
			require.NoError(t, c.Nodes[i].Ceremony.Attest([]byte("the key")))
		}

		c.run()

		c.requireWholeFrames()
		for _, i := range c.ours {
			receipt := c.Nodes[i].Ceremony.Receipt()
			require.NoError(t, receipt.Verify())
			require.Equal(t, syncmod.Attestation{ID: c.Nodes[3].ID()}, receipt.Members[3])
			for _, m := range receipt.Members[:3] {
				require.Equal(t, "the key", string(m.Result))
			}
			require.Equal(t, c.Nodes[0].Ceremony.Receipt(), receipt, harness.Name(i))
		}
	})
}

func TestDifferentResultsFailAll(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(1, variant))
		c.begin(1)
		require.NoError(t, c.Nodes[0].Ceremony.Attest([]byte("the key")))
		require.NoError(t, c.Nodes[1].Ceremony.Attest([]byte("another")))
		ctx, foreignDone := c.Context(), make(chan struct{})
		go func() {
			defer close(foreignDone)
			// Either all three members reach the last barrier, or the reference peer hears of the error first.
			_ = c.refs[2].Advance(ctx)
		}()

		errs := c.Each(c.ours, func(ctx context.Context, ceremony *syncmod.Ceremony) error {
			return ceremony.Complete(ctx)
		})

		different := 0
		for _, i := range c.ours {
			require.Error(t, errs[i])
			if errors.Is(errs[i], syncmod.ErrResultMismatch) {
				different++
			}
		}
		require.Positive(t, different)
		<-foreignDone
	})
}
