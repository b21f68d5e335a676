package networks_test

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestStreamsMoveToDirectPaths(t *testing.T) {
	t.Parallel()
	relay := harness.NewRelay(t, long, much)
	c := harness.New(t, 3, harness.Behind(relay), harness.With(patient()))
	c.Start()
	c.Advance(c.All()...)
	untilEach(c, func(p syncmod.PeerStatus) bool { return p.Relayed })

	punched := make(chan error, 1)
	go func() { punched <- connectDirectly(c) }()
	barriers := 0
	for patience := c.Context(); relayed(c); barriers++ {
		require.NoError(t, patience.Err(), "some streams have not moved")
		c.Advance(c.All()...)
	}
	require.NoError(t, <-punched)
	relay.Stop()
	for range 5 {
		c.Advance(c.All()...)
	}
	c.Complete(c.All()...)

	require.Greater(t, barriers, 1, "passed while the streams moved")
	require.Zero(t, c.Reconnects(c.All()...))
	for _, n := range c.Nodes {
		require.NotRegexp(t, `operator \d lost`, n.Logged(), harness.Name(n.Index))
	}
}

// connectDirectly connects every two members directly, as hole punching does.
func connectDirectly(c *harness.Cluster) error {
	for i, n := range c.Nodes {
		if err := n.Host.Network().Listen(multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
			return err
		}
		direct := peer.AddrInfo{ID: n.ID(), Addrs: n.Host.Network().ListenAddresses()}
		for _, other := range c.Nodes[:i] {
			if err := other.Host.Connect(network.WithForceDirectDial(c.Context(), "test"), direct); err != nil {
				return err
			}
		}
	}
	return nil
}

// relayed reports whether any stream still runs through the relay.
func relayed(c *harness.Cluster) bool {
	for _, n := range c.Nodes {
		for _, p := range n.Ceremony.Status().Peers {
			if p.Relayed {
				return true
			}
		}
	}
	return false
}
