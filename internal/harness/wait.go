package harness

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Connect waits until the given nodes are connected to all members.
func (c *Cluster) Connect(nodes ...int) {
	c.t.Helper()
	c.mustNot(c.Each(nodes, func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		return ceremony.AwaitConnected(ctx)
	}))
}

// Advance takes the given nodes through their next barrier at the same time.
func (c *Cluster) Advance(nodes ...int) {
	c.t.Helper()
	c.mustNot(c.Each(nodes, advance))
}

// TryAdvance is like Advance, but returns the error of each node.
func (c *Cluster) TryAdvance(nodes ...int) map[int]error { return c.Each(nodes, advance) }

func advance(ctx context.Context, ceremony *syncmod.Ceremony) error {
	_, err := ceremony.Advance(ctx)
	return err
}

// Complete takes the given nodes through the last barrier and the goodbyes at the same
// time.
func (c *Cluster) Complete(nodes ...int) {
	c.t.Helper()
	c.mustNot(c.Each(nodes, func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		return ceremony.Complete(ctx)
	}))
	for _, i := range nodes {
		require.Equal(c.t, syncmod.Complete, c.Nodes[i].Ceremony.Status().Phase, Name(i))
	}
}

// Until waits until a node has a status that wanted accepts, and returns that status.
func (c *Cluster) Until(node int, wanted func(syncmod.Status) bool) syncmod.Status {
	c.t.Helper()
	return until(c.t, Name(node), c.Nodes[node].Ceremony, wanted)
}

// Failure waits until the ceremony of a node has failed, and returns the error.
func (c *Cluster) Failure(node int) error {
	c.t.Helper()
	return failure(c.t, Name(node), c.Nodes[node].Ceremony)
}

// FailWith waits until the ceremony has failed on the given nodes. It requires that each
// error names the culprit. It also requires that at least one node gives the reason
// itself, and that every other node was told by another member.
func (c *Cluster) FailWith(nodes []int, reason error, culprit int) {
	c.t.Helper()
	known := 0
	for _, i := range nodes {
		err := c.Failure(i)
		require.Equal(c.t, culprit, Culprit(c.t, err).Index, "%s: %v", Name(i), err)
		if errors.Is(err, reason) {
			known++
			continue
		}
		require.ErrorIs(c.t, err, syncmod.ErrPeerAborted, Name(i))
	}
	require.NotZero(c.t, known, "nobody failed because of %q", reason)
}

// Reconnects returns how many streams the given nodes had to reopen in total.
func (c *Cluster) Reconnects(nodes ...int) (all int) {
	for _, i := range nodes {
		for _, p := range c.Nodes[i].Ceremony.Status().Peers {
			all += p.Reconnects
		}
	}
	return all
}
