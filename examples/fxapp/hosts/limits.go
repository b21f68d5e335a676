package hosts

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/pbnjay/memory"
)

// The limits of a relay. The largest ceremony that they allow for has 64 members, all behind the relay, with a
// circuit between every two members. Two members that dial each other at the same moment make two circuits. A new
// circuit may exist for a moment beside the one that it replaces.
const (
	largestCeremony = 64 // members
	circuitsPerPeer = 4 * largestCeremony
	circuits        = largestCeremony * circuitsPerPeer
	reservations    = 1024                // nodes at the same time
	fromOnePlace    = 2 * largestCeremony // reservations from one address: a whole cluster may be behind one NAT
	reservationTime = time.Hour           // after which a node has to renew its reservation

	// A circuit ends after this time, or after this many bytes in one direction. The members then make another.
	circuitTime  = 12 * time.Hour
	circuitBytes = 64 << 20

	// The memory that libp2p reserves for the streams and buffers of a circuit, used or not: about half a MiB.
	memoryPerCircuit = 2*256<<10 + 2*bufferSize
	bufferSize       = 4 << 10
	maxMemory        = 4 << 30 // for all circuits together
)

func relayResources() relay.Resources {
	return relay.Resources{
		Limit:                 &relay.RelayLimit{Duration: circuitTime, Data: circuitBytes},
		ReservationTTL:        reservationTime,
		MaxReservations:       reservations,
		MaxCircuits:           circuitsPerPeer,
		BufferSize:            bufferSize,
		MaxReservationsPerIP:  fromOnePlace,
		MaxReservationsPerASN: reservations,
	}
}

// newRelayManager makes the resource manager of a relay.
func newRelayManager() (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	defaults := scaling.AutoScale()
	all := rcmgr.ResourceLimits{
		StreamsInbound: 2 * circuits, StreamsOutbound: 2 * circuits, Streams: 4 * circuits,
		ConnsInbound: 2 * reservations, ConnsOutbound: reservations, Conns: 3 * reservations,
		Memory: relayMemory(),
	}
	peer := rcmgr.ResourceLimits{
		StreamsInbound: 2 * circuitsPerPeer, StreamsOutbound: 2 * circuitsPerPeer, Streams: 4 * circuitsPerPeer,
		ConnsInbound: 8, ConnsOutbound: 8, Conns: 16,
		Memory: 2 * circuitsPerPeer * memoryPerCircuit,
	}
	limits := rcmgr.PartialLimitConfig{
		System:       all,
		Transient:    all,
		PeerDefault:  peer,
		Service:      map[string]rcmgr.ResourceLimits{relay.ServiceName: all},
		ServicePeer:  map[string]rcmgr.ResourceLimits{relay.ServiceName: peer},
		Protocol:     map[protocol.ID]rcmgr.ResourceLimits{proto.ProtoIDv2Hop: all, proto.ProtoIDv2Stop: all},
		ProtocolPeer: map[protocol.ID]rcmgr.ResourceLimits{proto.ProtoIDv2Hop: peer, proto.ProtoIDv2Stop: peer},
	}
	limits.System.FD = 0 // 0 keeps libp2p's default: half of what the system allows
	const conns = 4 * fromOnePlace
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(defaults)),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: conns}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: conns}, {PrefixLength: 48, ConnCount: 2 * conns}},
		),
		rcmgr.WithConnRateLimiters(perSubnet(conns/16, conns)),
	)
	if err != nil {
		return nil, fmt.Errorf("making the relay's resource manager: %w", err)
	}
	return manager, nil
}

// relayMemory returns the most memory that a relay reserves: half of the machine's memory, but at most [maxMemory].
func relayMemory() rcmgr.LimitVal64 {
	return rcmgr.LimitVal64(min(memory.TotalMemory()/2, maxMemory))
}

// requestRate limits the requests for reservations and circuits. A whole cluster behind one address may ask for all
// of its circuits at once.
func requestRate() *rate.Limiter { return perSubnet(circuits/60, circuits) }

// perSubnet limits the requests of each IPv4 address and each IPv6 /56, by rate (perSecond) and by how many
// may come at once (burst).
func perSubnet(perSecond float64, burst int) *rate.Limiter {
	limit := rate.Limit{RPS: perSecond, Burst: burst}
	return &rate.Limiter{SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: limit}},
		IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: limit}},
		GracePeriod:      time.Minute,
	}}
}
