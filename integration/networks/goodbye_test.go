package networks_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAGoodbyeOutlivesItsCircuit(t *testing.T) {
	t.Parallel()
	for name, moment := range map[string]moment{
		"recycled before it is written":  beforeGoodbye,
		"recycled before it is answered": beforeAnswer,
		"recycled once it is answered":   afterAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relay := harness.NewRelay(t, long, much)
			c := harness.New(t, 3, harness.Behind(relay), harness.With(patient()))
			tap := &tap{Host: c.Nodes[1].Host, moment: moment, act: relay.Recycle}
			c.Nodes[1].Host = tap
			c.Start()
			c.Advance(c.All()...)

			c.Complete(c.All()...) // this would fail if a member's goodbye was not heard

			require.NotNil(t, tap.acted.Load(), "the circuits were recycled at that moment")
			untilEach(c, func(p syncmod.PeerStatus) bool { return p.Done })
			bob, other := c.Nodes[1], nodeOf(c, *tap.acted.Load())
			switch moment {
			case beforeGoodbye:
				require.Positive(t, toward(bob, other).Reconnects, "it was said again, and answered")
			case beforeAnswer:
				require.Positive(t, toward(other, bob).Reconnects, "it was said again, and answered")
			case afterAnswer: // the answer may have arrived
			}
		})
	}
}

func nodeOf(c *harness.Cluster, id peer.ID) *harness.Node {
	return c.Nodes[slices.IndexFunc(c.Nodes, func(n *harness.Node) bool { return n.ID() == id })]
}

// toward returns what a node's status says about another node.
func toward(n, other *harness.Node) syncmod.PeerStatus {
	peers := n.Ceremony.Status().Peers
	return peers[slices.IndexFunc(peers, func(p syncmod.PeerStatus) bool { return p.Index == other.Index })]
}

func TestGoodbyesOutliveARelaysOutage(t *testing.T) {
	t.Parallel()
	relay := harness.NewRelay(t, long, much)
	c := harness.New(t, 2, harness.Behind(relay), harness.With(patient()))
	down := make(chan struct{})
	c.Nodes[1].Host = &tap{Host: c.Nodes[1].Host, moment: beforeGoodbye, act: func() {
		for s := range c.Nodes[1].Ceremony.Watch(c.Context()) { // bob has heard alice, who will not hear his goodbye
			if s.Peers[0].Done {
				break
			}
		}
		relay.Stop()
		close(down)
	}}
	c.Start()
	c.Advance(c.All()...)

	finish := func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		return errors.Join(ceremony.Complete(ctx), ceremony.Close(ctx)) // then the node is gone
	}
	bobs, alices := make(chan error, 1), make(chan struct{})
	go func() { bobs <- c.Each([]int{1}, finish)[1] }()
	// Otherwise alice would learn bob's last step only from his goodbye.
	c.Until(0, func(s syncmod.Status) bool { return s.Peers[0].Step == 2 })
	go func() {
		defer close(alices)
		c.Each([]int{0}, finish) // bob may be gone before he can repeat a lost goodbye
	}()
	<-down
	relay.Start()

	require.NoError(t, <-bobs, "alice has said goodbye, and need not answer")
	<-alices
	for _, n := range c.Nodes {
		require.Equal(t, syncmod.Complete, n.Ceremony.Status().Phase, harness.Name(n.Index))
	}
}
