package mixed_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	theirVersion = "v1.10"
	gaveUp       = "the disk is full"
)

func TestPeersRefuseAWrongVersion(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 1, times(1, variant))
		theirs := c.reference(1, refpeer.Options{Variant: variant, Version: theirVersion})
		theirs.Serve()
		c.Start(0)

		err := c.Failure(0)

		require.ErrorIs(t, err, syncmod.ErrPeerRejected)
		require.Equal(t, 1, harness.Culprit(t, err).Index)
		require.ErrorContains(t, err, "another version") // in the reference peer's words
		require.ErrorIs(t, theirs.Failure(c.Context()), refpeer.ErrVersion)
	})
}

func TestOurNodesRefuseAWrongVersion(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 1, times(1, variant))
		c.Start(0)
		c.reference(1, refpeer.Options{Variant: variant, Version: theirVersion}).Dial()

		err := c.Failure(0)

		require.ErrorIs(t, err, syncmod.ErrVersionMismatch)
		require.Equal(t, 1, harness.Culprit(t, err).Index)
		c.rejected("runs v1.10, this node runs v1.11", 1)
	})
}

func TestAWrongVersionFailsAll(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.reference(3, refpeer.Options{Variant: variant, Version: theirVersion})
		c.startOursFirst()

		c.failWithDave()
		c.failed(c.theirs...)
	})
}

// failWithDave waits until the ceremony has failed on our nodes, and requires that each
// error mentions dave. A node that dave refused does not blame him to the other node,
// because an error response does not say who is to blame.
func (c *cluster) failWithDave() {
	c.t.Helper()
	for _, i := range c.ours {
		err := c.Failure(i)
		if errors.Is(err, syncmod.ErrPeerAborted) {
			require.ErrorContains(c.t, err, "operator 3 (dave)", harness.Name(i))
			continue
		}
		require.Equal(c.t, 3, harness.Culprit(c.t, err).Index, "%s: %v", harness.Name(i), err)
	}
}

func TestPeersRefuseAWrongDefinition(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 1, times(1, variant))
		theirs := c.referenceOf(1, harness.Hash("another"), refpeer.Options{Variant: variant})
		theirs.Serve()
		c.Start(0)

		err := c.Failure(0)

		require.ErrorIs(t, err, syncmod.ErrPeerRejected)
		require.Equal(t, 1, harness.Culprit(t, err).Index)
		require.ErrorContains(t, err, "signature of another definition") // in the reference peer's words
		require.ErrorIs(t, theirs.Failure(c.Context()), refpeer.ErrSignature)
	})
}

func TestOurNodesRefuseAWrongDefinition(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 1, times(1, variant))
		c.Start(0)
		c.referenceOf(1, harness.Hash("another"), refpeer.Options{Variant: variant}).Dial()

		err := c.Failure(0)

		require.ErrorIs(t, err, syncmod.ErrBadSignature)
		require.Equal(t, 1, harness.Culprit(t, err).Index)
		c.rejected("did not sign this node's definition", 1)
	})
}

func TestAWrongDefinitionFailsAll(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.referenceOf(3, harness.Hash("another"), refpeer.Options{Variant: variant})
		c.startOursFirst()

		c.failWithDave()
		c.failed(c.theirs...)
	})
}

func TestASkippedStepFailsEveryone(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)

		c.refs[3].SetStep(4)

		c.FailWith(c.ours, syncmod.ErrStepSkipped, 3)
		c.rejected("", 3) // by our node or by the other peer, whichever hears it first
		c.failed(2)
	})
}

func TestAPeerCanLeaveOurNodesBehind(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.start()
		waiting := c.begun(func(context.Context) error { return c.TryAdvance(0)[0] })
		c.seen(0, 3, 0) // at a later step, our node would think that dave knows it from before
		c.seen(1, 3, 0)
		c.refs[3].SetStep(1)
		c.seen(0, 3, 1)
		c.seen(1, 3, 1)

		c.refs[3].SetStep(3)

		c.FailWith([]int{0}, syncmod.ErrLeftBehind, 3)
		require.ErrorIs(t, waiting.end(), c.Failure(0))
		c.FailWith([]int{1}, syncmod.ErrPeerAborted, 3)
		c.failed(2, 3)
	})
}

func TestAnAbortOfOurNodeReachesTheOthers(t *testing.T) {
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		elapsed := harness.Stopwatch(c.t)

		c.Nodes[0].Ceremony.Abort(errors.New(gaveUp))

		c.FailWith([]int{1}, syncmod.ErrPeerAborted, 0)
		c.rejected("operator 0 (alice) gave up: "+gaveUp, c.theirs...)
		require.Less(t, elapsed(), 2*time.Second) // their next request comes within a tick
	})
}

func TestAnAbortOfOurNodeReachesALonePeer(t *testing.T) {
	c := newCluster(t, 1, variants)
	c.begin(2)

	c.Nodes[0].Ceremony.Abort(errors.New(gaveUp))

	c.rejected(gaveUp, c.theirs...)
}

func TestAStopOfOurNodeReachesTheOthers(t *testing.T) {
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		elapsed := harness.Stopwatch(c.t)

		c.Stop(0)

		require.Less(t, elapsed(), 2*time.Second) // telling the others takes 700 ms of that at most
		c.FailWith([]int{1}, syncmod.ErrPeerAborted, 0)
		c.rejected("operator 0 (alice) was stopped before the ceremony was complete", c.theirs...)
	})
}

func TestAnEarlyRestartEndsNothing(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(0)
		c.each(c.All(), func(ctx context.Context, o *syncmod.Ceremony) error { return o.AwaitConnected(ctx) },
			func(ctx context.Context, p *refpeer.Peer) error { return p.AwaitConnected(ctx) })

		require.NoError(t, c.Nodes[0].Ceremony.Close(c.Context()))
		c.Open(t.Name(), 0)

		c.advance(c.All()...)
		c.finish(c.All()...)
	})
}

func TestAPeerThatDiesIsNamed(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)

		c.refs[3].Close()
		c.Nodes[3].CloseHost()

		c.FailWith(c.ours, syncmod.ErrPeerTimeout, 3)
		c.rejected("operator 3 (dave) has been gone for", 2)
	})
}
