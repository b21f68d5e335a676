package syncmod

import (
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
)

// ResourceLimits returns the resource-manager limits that a host needs for
// ceremonies of the given size: two streams to and from each member, with room
// for reconnecting and for moving from a relay to a direct connection, and the
// connections under them. Merge them into the limits that the host is made with:
//
//	defaults := rcmgr.DefaultLimits
//	libp2p.SetDefaultServiceLimits(&defaults)
//	limits := syncmod.ResourceLimits(100).Build(defaults.AutoScale())
//	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
//	host, err := libp2p.New(libp2p.ResourceManager(manager))
//
// The limits that it names replace the host's own. They leave room for what else
// the host does, but libp2p scales its defaults with the machine: on a large machine
// that serves many other peers, compare both.
//
// libp2p's own defaults are enough for about 60 members. They count connections
// per address too: many nodes behind one address need
// [rcmgr.WithLimitPerSubnet] as well.
func ResourceLimits(members int) rcmgr.PartialLimitConfig {
	const (
		streamsPerMember = 4 // each way: one that lives, one that takes over, and as many that are being torn down
		connsPerMember   = 4 // both sides may dial at once, on two transports
		memoryPerStream  = 64 << 10
		spare            = 64   // streams of the service
		besides          = 1024 // connections that the host has for other things
		perConn          = 16   // streams on each of them, whatever their protocol
	)
	n := max(members, minMembers)
	streams := rcmgr.LimitVal(streamsPerMember*n + spare)
	conns := rcmgr.LimitVal(connsPerMember*n + besides)
	memory := rcmgr.LimitVal64(2 * (streamsPerMember*n + spare) * memoryPerStream)
	service := rcmgr.ResourceLimits{
		StreamsInbound: streams, StreamsOutbound: streams, Streams: 2 * streams, Memory: memory,
	}
	perPeer := rcmgr.ResourceLimits{
		StreamsInbound: 2 * streamsPerMember, StreamsOutbound: 2 * streamsPerMember, Streams: 4 * streamsPerMember,
		Memory: 4 * streamsPerMember * memoryPerStream,
	}
	return rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			ConnsInbound: conns, ConnsOutbound: conns, Conns: 2 * conns,
			StreamsInbound: perConn * conns, StreamsOutbound: perConn * conns, Streams: 2 * perConn * conns,
		},
		Transient: rcmgr.ResourceLimits{
			ConnsInbound: conns, ConnsOutbound: conns, Conns: 2 * conns,
			StreamsInbound: conns, StreamsOutbound: conns, Streams: 2 * conns,
		},
		Service:     map[string]rcmgr.ResourceLimits{ServiceName: service},
		ServicePeer: map[string]rcmgr.ResourceLimits{ServiceName: perPeer},
	}
}
