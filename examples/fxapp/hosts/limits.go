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

// What a relay carries. The largest ceremony that it is made for has 64 members, all behind it: each has a circuit with
// each other one. Two that dial each other at the same moment make two, and circuits that replace others stand beside
// them for a moment.
const (
	largestCeremony = 64
	circuitsPerPeer = 4 * largestCeremony
	reservations    = 1024                // nodes at once
	fromOnePlace    = 2 * largestCeremony // reservations from one address: a whole cluster behind one NAT
	circuitTime     = 12 * time.Hour      // then a circuit ends, and its members make another
	circuitBytes    = 64 << 20            // the same, in each direction
	reservationTime = time.Hour           // nodes renew theirs
	circuits        = 4 * largestCeremony * largestCeremony
)

// The relay's memory: what libp2p reserves for its streams, whether they use it or not, is half a MiB for a circuit.
const (
	maxMemory        = 4 << 30
	memoryPerCircuit = 2 * (256<<10 + 4<<10)
)

func relayResources() relay.Resources {
	return relay.Resources{
		Limit:                 &relay.RelayLimit{Duration: circuitTime, Data: circuitBytes},
		ReservationTTL:        reservationTime,
		MaxReservations:       reservations,
		MaxCircuits:           circuitsPerPeer,
		BufferSize:            4 << 10,
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
	limits.System.FD = 0 // libp2p's: half of what the system allows
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(defaults)),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: 4 * fromOnePlace}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: 4 * fromOnePlace}, {PrefixLength: 48, ConnCount: 8 * fromOnePlace}},
		),
		rcmgr.WithConnRateLimiters(perSubnet(fromOnePlace/4, 4*fromOnePlace)),
	)
	if err != nil {
		return nil, fmt.Errorf("making the relay's resource manager: %w", err)
	}
	return manager, nil
}

// relayMemory is what a relay reserves at most: half of the machine's memory, and no more than [maxMemory].
func relayMemory() rcmgr.LimitVal64 {
	return rcmgr.LimitVal64(min(memory.TotalMemory()/2, maxMemory))
}

// requestRate is how many reservations and circuits a relay is asked for: a whole cluster at one address may ask for all
// of its circuits at once.
func requestRate() *rate.Limiter { return perSubnet(circuits/60, circuits) }

// perSubnet allows one place so many of something in a second, and so many at once.
func perSubnet(perSecond float64, burst int) *rate.Limiter {
	limit := rate.Limit{RPS: perSecond, Burst: burst}
	return &rate.Limiter{SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: limit}},
		IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: limit}},
		GracePeriod:      time.Minute,
	}}
}
