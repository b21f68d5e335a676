package networks_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

func TestMembersAreNotTrimmed(t *testing.T) {
	t.Parallel()
	c := harness.New(t, 4, harness.Hosts(trimming(time.Millisecond)), harness.With(patient()))
	favour(t, c)
	c.Start()
	c.Connect(c.All()...)

	stop := trimAll(c)
	for range 10 {
		c.Advance(c.All()...)
		<-time.After(50 * time.Millisecond) // time for some trims
	}
	c.Complete(c.All()...)
	stop()

	require.Zero(t, c.Reconnects(c.All()...))
	c.Stop(c.All()...)
	for _, n := range c.Nodes {
		n.Host.ConnManager().TrimOpenConns(c.Context())
		for _, other := range c.Nodes {
			require.False(t, n.Host.ConnManager().IsProtected(other.ID(), ""))
			connectedness := n.Host.Network().Connectedness(other.ID())
			require.Equal(t, network.NotConnected, connectedness, "trimmed as soon as it is not protected")
		}
	}
}

func TestRelayedStreamsAreNotTrimmed(t *testing.T) {
	t.Parallel()
	relay := harness.NewRelay(t, long, much)
	c := harness.New(t, 3, harness.Behind(relay), harness.Hosts(trimming(time.Millisecond)), harness.With(patient()))
	favour(t, c)
	c.Start()
	c.Connect(c.All()...)

	stop := trimAll(c)
	for range 10 {
		c.Advance(c.All()...)
		<-time.After(50 * time.Millisecond) // time for some trims
	}
	c.Complete(c.All()...)
	stop()

	require.Zero(t, c.Reconnects(c.All()...))
	c.Stop(c.All()...)
	for _, n := range c.Nodes {
		for _, id := range append(n.Host.Network().Peers(), c.Nodes[(n.Index+1)%3].ID()) {
			require.False(t, n.Host.ConnManager().IsProtected(id, ""), "of %s: %s", harness.Name(n.Index), id)
		}
		n.Host.ConnManager().TrimOpenConns(c.Context())
		connectedness := n.Host.Network().Connectedness(relay.ID())
		require.Equal(t, network.NotConnected, connectedness, "trimmed as soon as it is not protected")
	}
}

// trimming gives a host a connection manager that trims all connections but one, on
// demand. It spares connections that are younger than a grace period.
func trimming(grace time.Duration) libp2p.Option {
	return func(config *libp2p.Config) error {
		manager, err := connmgr.NewConnManager(1, 2,
			connmgr.WithGracePeriod(grace), connmgr.WithSilencePeriod(time.Hour))
		if err != nil {
			return err
		}
		return libp2p.ConnectionManager(manager)(config)
	}
}

// trimAll makes every host trim its connections again and again until stop is called.
func trimAll(c *harness.Cluster) (stop func()) {
	ctx, cancel := context.WithCancel(c.Context())
	var trims sync.WaitGroup
	for _, n := range c.Nodes {
		trims.Go(func() {
			for ctx.Err() == nil {
				n.Host.ConnManager().TrimOpenConns(ctx)
				select {
				case <-time.After(20 * time.Millisecond): // trims this often
				case <-ctx.Done():
				}
			}
		})
	}
	return func() {
		cancel()
		trims.Wait()
	}
}

// favour connects every host to a peer that it would rather keep than its relay.
func favour(t *testing.T, c *harness.Cluster) {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	var other host.Host
	other, err = libp2p.New(libp2p.Identity(key),
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	for _, n := range c.Nodes {
		require.NoError(t, n.Host.Connect(c.Context(), peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}))
		n.Host.ConnManager().TagPeer(other.ID(), "favourite", 1000)
	}
}
