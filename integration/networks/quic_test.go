package networks_test

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestASilentQUICPathIsNoticed(t *testing.T) {
	t.Parallel()
	config := patient()
	config.ExchangeTimeout = 500 * time.Millisecond
	c, path := overUDP(t, config)
	c.Advance(c.All()...)
	before := c.Nodes[0].Host.Network().Conns()

	path.silent.Store(true)
	untilEach(c, gone)
	path.silent.Store(false)

	c.Advance(c.All()...)
	untilEach(c, func(p syncmod.PeerStatus) bool { return p.Reconnects > 0 })
	require.Len(t, before, 1)
	require.Equal(t, before, c.Nodes[0].Host.Network().Conns(), "new streams, on the same connection")
	c.Complete(c.All()...)
}

func TestQUICsIdleTimeoutEndsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the half minute after which QUIC ends an idle connection")
	}
	t.Parallel()
	config := patient()
	config.PeerTimeout, config.ExchangeTimeout = -1, time.Hour // only the end of the connection ends its streams
	c, path := overUDP(t, config)
	c.Advance(c.All()...)
	alice, bob := c.Nodes[0].Host.Network(), c.Nodes[1].Host.Network()

	path.silent.Store(true)
	require.Eventually(t, func() bool {
		return alice.Connectedness(bob.LocalPeer()) == network.NotConnected &&
			bob.Connectedness(alice.LocalPeer()) == network.NotConnected
	}, 2*harness.Patience, 10*time.Millisecond)
	untilEach(c, gone)
	path.silent.Store(false)

	c.Advance(c.All()...)
	untilEach(c, func(p syncmod.PeerStatus) bool { return p.Reconnects > 0 })
	c.Complete(c.All()...)
}

// overUDP starts two nodes. The first one dials the other over the only path, which can
// go silent.
func overUDP(t *testing.T, config syncmod.Config) (*harness.Cluster, *udpPath) {
	t.Helper()
	c := harness.New(t, 2, harness.QUIC(), harness.With(config), harness.Hosts(unadvertised))
	path, addr := newUDPPath(t, c.Nodes[1].Host.Network().ListenAddresses()[0])
	for i, n := range c.Nodes {
		def := c.Definition(i, t.Name())
		def.Peers[0].Addrs, def.Peers[1].Addrs = nil, nil
		if i == 0 {
			def.Peers[1].Addrs = []multiaddr.Multiaddr{addr}
		}
		require.NoError(t, n.Run(fx.Supply(def), fx.Populate(&n.Ceremony)))
	}
	return c, path
}
