package harness

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Relay is a circuit relay v2 on loopback TCP or QUIC.
type Relay struct {
	t       testing.TB
	key     crypto.PrivKey
	limit   relay.RelayLimit
	host    host.Host
	service *relay.Relay
	listen  string
	hidden  []host.Host // the hosts with a reservation
}

// NewRelay starts a relay on TCP. It recycles a circuit after the given duration, or
// after the given number of bytes in one direction.
func NewRelay(t testing.TB, duration time.Duration, bytes int64) *Relay {
	t.Helper()
	return newRelay(t, loopback, duration, bytes)
}

// NewRelayQUIC is like [NewRelay], but members reach the relay over loopback QUIC.
func NewRelayQUIC(t testing.TB, duration time.Duration, bytes int64) *Relay {
	t.Helper()
	return newRelay(t, "/ip4/127.0.0.1/udp/0/quic-v1", duration, bytes)
}

func newRelay(t testing.TB, listen string, duration time.Duration, bytes int64) *Relay {
	t.Helper()
	r := &Relay{t: t, key: NewKey(t), limit: relay.RelayLimit{Duration: duration, Data: bytes}, listen: listen}
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

// ID returns the relay's peer ID.
func (r *Relay) ID() peer.ID { return r.host.ID() }

// Start starts the relay, at the same address as before. Hosts that had a reservation
// get one again.
func (r *Relay) Start() {
	r.t.Helper()
	var err error
	r.host, err = libp2p.New(
		libp2p.Identity(r.key),
		libp2p.ListenAddrStrings(r.listen),
		libp2p.DisableMetrics(),
		libp2p.DisableRelay(),
	)
	require.NoError(r.t, err)
	r.listen = r.host.Addrs()[0].String()
	resources := relay.DefaultResources()
	resources.Limit = &r.limit
	resources.MaxReservationsPerIP, resources.MaxCircuits = 1024, 1024
	anyAddress := relay.WithReservationAddressFilter(func(multiaddr.Multiaddr) bool { return true })
	r.service, err = relay.New(r.host, relay.WithResources(resources), anyAddress)
	require.NoError(r.t, err)
	for _, h := range r.hidden {
		r.reserve(h)
	}
}

// Stop stops the relay and ends all its connections.
func (r *Relay) Stop() {
	if r.service == nil {
		return
	}
	_ = r.service.Close()
	_ = r.host.Close()
	r.service = nil
}

// Recycle ends all circuits, as the relay ends each circuit at its limit. The members
// stay connected to the relay.
func (r *Relay) Recycle() {
	var circuits []network.Stream
	for _, conn := range r.host.Network().Conns() {
		for _, stream := range conn.GetStreams() {
			switch stream.Protocol() {
			case proto.ProtoIDv2Hop, proto.ProtoIDv2Stop:
				circuits = append(circuits, stream)
			}
		}
	}
	for _, stream := range circuits { // collected before, because new circuits may be made once the first has ended
		_ = stream.Reset()
	}
}

// Reserve makes a host reachable through the relay, and returns its addresses there.
func (r *Relay) Reserve(h host.Host) []multiaddr.Multiaddr {
	r.t.Helper()
	r.hidden = append(r.hidden, h)
	r.reserve(h)
	return []multiaddr.Multiaddr{multiaddr.StringCast(r.listen + "/p2p/" + r.ID().String() + "/p2p-circuit")}
}

// reserve gets a reservation for a host. It keeps trying, because a host that failed to
// dial the relay waits before it dials again.
func (r *Relay) reserve(h host.Host) {
	r.t.Helper()
	require.EventuallyWithT(r.t, func(t *assert.CollectT) {
		_, err := client.Reserve(r.t.Context(), h, peer.AddrInfo{ID: r.ID(), Addrs: r.host.Addrs()})
		require.NoError(t, err)
	}, Patience, 50*time.Millisecond)
}
