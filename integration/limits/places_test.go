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

// nodes is how many nodes are in one place: libp2p would let them connect one after
// the other, for longer than a test waits. As many as are too many there stay out.
const (
	nodes   = 24
	tooMany = 66
)

// A place is where nodes are that libp2p counts as one. The address of a node goes
// into an address of libp2p and, with all of its bits, to the loopback device.
type place struct {
	name    string
	family  string
	bits    int // of a whole address
	address func(node int) string
}

var places = []place{
	{"one IPv4 address", "ip4", 32, func(int) string { return "192.0.2.1" }},
	{"one IPv6 /56", "ip6", 128, func(node int) string { return fmt.Sprintf("2001:db8::%x", node+1) }},
	{"one IPv6 /48", "ip6", 128, func(node int) string { return fmt.Sprintf("2001:db8:1:%x00::1", node+1) }},
}

// transports are what follows the address where a host listens.
var transports = map[string]string{"TCP": "tcp/0", "QUIC": "udp/0/quic-v1"}

func (p place) hosts(t *testing.T, n int, transport string, opts func() []libp2p.Option) []host.Host {
	hosts := make([]host.Host, n)
	for i := range hosts {
		at := fmt.Sprintf("/%s/%s/%s", p.family, p.address(i), transport)
		hosts[i] = newHost(t, append(opts(), libp2p.ListenAddrStrings(at), libp2p.DisableRelay())...)
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

// manager is the option of a host that exists for ceremonies.
func manager(t *testing.T, members, ceremonies int) libp2p.Option {
	t.Helper()
	m, err := syncmod.NewResourceManager(members, ceremonies)
	require.NoError(t, err)
	return libp2p.ResourceManager(m)
}

// connect opens a ceremony of all hosts and waits until everyone is connected with
// everyone.
func connect(t *testing.T, hosts []host.Host, definition syncmod.Definition) {
	t.Helper()
	ceremonies := make([]*syncmod.Ceremony, len(hosts))
	for i, h := range hosts {
		var err error
		ceremonies[i], err = harness.StartService(t, h, syncmod.Config{}).Open(definition)
		require.NoError(t, err)
	}
	began := time.Now()
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
	t.Logf("%d nodes are connected with each other after %s", len(hosts), time.Since(began).Round(time.Millisecond))
}

func TestNodesInOnePlaceConnectAtOnce(t *testing.T) {
	needsNamespace(t)
	for _, place := range places {
		for name, transport := range transports {
			t.Run(place.name+" over "+name, func(t *testing.T) {
				hosts := place.hosts(t, nodes, transport, func() []libp2p.Option {
					return []libp2p.Option{manager(t, nodes, 1)}
				})

				connect(t, hosts, harness.Define(t.Name(), hosts...))
			})
		}
	}
}

// A circuit through a relay counts as a connection with the relay's address.
func TestNodesBehindOneRelayConnectAtOnce(t *testing.T) {
	needsNamespace(t)
	const members = 12
	r := place{"a relay", "ip4", 32, places[0].address}.hosts(t, 1, transports["TCP"], func() []libp2p.Option {
		return []libp2p.Option{manager(t, members, 1)}
	})[0]
	resources := relay.DefaultResources()
	resources.MaxReservationsPerIP, resources.MaxCircuits = members, members*members
	service, err := relay.New(r, relay.WithResources(resources))
	require.NoError(t, err)
	t.Cleanup(func() { _ = service.Close() })
	circuit := multiaddr.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", r.Addrs()[0], r.ID()))

	hidden := make([]host.Host, members)
	for i := range hidden {
		hidden[i] = newHost(t, libp2p.NoListenAddrs, libp2p.EnableRelay(), manager(t, members, 1))
		_, err := client.Reserve(harness.Within(t), hidden[i], peer.AddrInfo{ID: r.ID(), Addrs: r.Addrs()})
		require.NoError(t, err)
	}
	definition := harness.Define(t.Name(), hidden...)
	for i := range definition.Peers {
		definition.Peers[i].Addrs = []multiaddr.Multiaddr{circuit}
	}

	connect(t, hidden, definition)
}

// What the tests above lift is there: with libp2p's defaults, no place holds so many
// nodes.
func TestWithoutTheManagerAPlaceIsFull(t *testing.T) {
	needsNamespace(t)
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			hosts := place.hosts(t, tooMany, transports["TCP"], func() []libp2p.Option { return nil })

			require.Error(t, dialEach(harness.Within(t), hosts), "%d nodes are connected with one", tooMany-1)
		})
	}
}

// dialEach has every host dial the first one, in turn, and stay connected.
func dialEach(ctx context.Context, hosts []host.Host) error {
	for _, h := range hosts[1:] {
		if err := h.Connect(ctx, peer.AddrInfo{ID: hosts[0].ID(), Addrs: hosts[0].Addrs()}); err != nil {
			return err
		}
	}
	return nil
}
