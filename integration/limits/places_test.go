package limits_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// The nodes of a place are counted by libp2p as if they were one node. libp2p allows
// eight connections from a place at the same time. After the first 16 connections, it
// allows only one new connection every five seconds.
type place struct {
	name    string
	nodes   int
	family  string
	bits    int // bits of a whole address
	address func(node int) string
}

var places = []place{
	{"one IPv4 address", 24, "ip4", 32, func(int) string { return "192.0.2.1" }},
	{"one IPv6 network", 12, "ip6", 128, func(node int) string { return fmt.Sprintf("2001:db8::%x", node+1) }},
}

// The rest of a listen address, after the IP address.
const (
	tcp  = "tcp/0"
	quic = "udp/0/quic-v1"
)

func (p place) hosts(t *testing.T, n int, transport string, limits func() libp2p.Option) []host.Host {
	t.Helper()
	hosts := make([]host.Host, n)
	for i := range hosts {
		at := fmt.Sprintf("/%s/%s/%s", p.family, p.address(i), transport)
		hosts[i] = newHost(t, libp2p.ListenAddrStrings(at), libp2p.DisableRelay(), limits())
	}
	return hosts
}

func newHost(t *testing.T, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append(opts, libp2p.DisableMetrics())...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// manager returns an option with a resource manager for ceremonies.
func manager(t *testing.T, members, ceremonies int) func() libp2p.Option {
	return func() libp2p.Option {
		m, err := syncmod.NewResourceManager(members, ceremonies)
		require.NoError(t, err)
		return libp2p.ResourceManager(m)
	}
}

// connect opens a ceremony of all hosts and waits until all are connected.
func connect(t *testing.T, hosts []host.Host) {
	t.Helper()
	ceremonies := open(t, hosts, 1)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Patience) // many handshakes on a busy machine take long
	defer cancel()
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
	t.Logf("%d nodes are connected to each other after %s", len(hosts), time.Since(began).Round(time.Millisecond))
}

func TestNodesInOnePlaceConnect(t *testing.T) {
	needsNamespace(t)
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			hosts := place.hosts(t, place.nodes, tcp, manager(t, place.nodes, 1))

			connect(t, hosts)
		})
	}
}

func TestOnePlaceConnectsOverQUIC(t *testing.T) {
	needsNamespace(t)
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			hosts := place.hosts(t, 10, quic, manager(t, 10, 1))

			connect(t, hosts)
		})
	}
}

// libp2p counts a circuit through a relay as a connection with the relay's address.
func TestNodesBehindARelayConnect(t *testing.T) {
	needsNamespace(t)
	const members = 10
	r := places[0].hosts(t, 1, tcp, manager(t, members, 1))[0]
	resources := relay.DefaultResources()
	resources.MaxReservationsPerIP, resources.MaxCircuits = members, members*members
	service, err := relay.New(r, relay.WithResources(resources))
	require.NoError(t, err)
	t.Cleanup(func() { _ = service.Close() })
	circuit := multiaddr.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", r.Addrs()[0], r.ID()))
	advertised := libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr {
		return []multiaddr.Multiaddr{circuit}
	})

	hidden := make([]host.Host, members)
	for i := range hidden {
		hidden[i] = newHost(t, libp2p.NoListenAddrs, libp2p.EnableRelay(), advertised, manager(t, members, 1)())
		_, err := client.Reserve(harness.Within(t), hidden[i], peer.AddrInfo{ID: r.ID(), Addrs: r.Addrs()})
		require.NoError(t, err)
	}

	connect(t, hidden)
}

// The tests above lift limits that are real: libp2p's defaults do not allow ten nodes in
// one place.
func TestDefaultLimitsRefuseTenNodes(t *testing.T) {
	needsNamespace(t)
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			hosts := place.hosts(t, 10, tcp, libp2pAlone)

			require.Error(t, dialEach(harness.Within(t), hosts), "nine nodes are connected to the tenth")
		})
	}
}

// dialEach makes every host dial the first one, one after another, and stay connected.
func dialEach(ctx context.Context, hosts []host.Host) error {
	for _, h := range hosts[1:] {
		if err := h.Connect(ctx, peer.AddrInfo{ID: hosts[0].ID(), Addrs: hosts[0].Addrs()}); err != nil {
			return err
		}
	}
	return nil
}
