package hosts_test

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
)

// In the largest ceremony, a member may have two circuits with each of the 63 others: one that it opened, and one that
// the other opened.
func TestARelayCarries64Members(t *testing.T) {
	const circuits = 2 * 63
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := startRelay(t, tcp4)
	alice, bob := boundless(t), boundless(t)
	where, err := peer.AddrInfosFromP2pAddrs(r.Addrs()...)
	require.NoError(t, err)
	reservation, err := client.Reserve(ctx, bob, where[0])
	require.NoError(t, err)
	require.NoError(t, alice.Connect(ctx, where[0]))
	through := r.Addrs()[0].Encapsulate(multiaddr.StringCast("/p2p-circuit/p2p/" + bob.ID().String()))
	dialer := alice.Network().(interface {
		TransportForDialing(multiaddr.Multiaddr) transport.Transport
	}).TransportForDialing(through)

	for range circuits {
		conn, err := dialer.Dial(ctx, through, bob.ID())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}

	all := func() bool { return len(bob.Network().ConnsToPeer(alice.ID())) == circuits }
	eventually(t, all, "all of them at once")
	require.EqualValues(t, 64<<20, reservation.LimitData)
	require.Equal(t, "12h0m0s", reservation.LimitDuration.String())
}

// boundless makes a host that has no limits and does not listen.
func boundless(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.EnableRelay(), libp2p.DisableMetrics(),
		libp2p.ResourceManager(&network.NullResourceManager{}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}
