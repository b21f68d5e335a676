package syncmod

import (
	"fmt"
	"net/netip"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
)

// maxCeremonies is how many ceremonies at once limits are made for.
const maxCeremonies = 10_000

// What a host needs for each member of each ceremony, in either direction.
const (
	streamsPerMember = 4 // one that lives, one that takes over, and as many that are being torn down
	connsPerMember   = 4 // both sides may dial at once, on two transports
	spareStreams     = 64

	memoryPerStream = 64 << 10  // a frame of the default size, and what goes with it
	windowPerStream = 256 << 10 // what yamux reserves for each stream when it opens, whether it is used or not
)

// NewResourceManager returns a resource manager for a host that exists for its
// ceremonies: so many at once, of so many members each. It is the one line that
// such a host needs:
//
//	manager, err := syncmod.NewResourceManager(100, 1)
//	host, err := libp2p.New(libp2p.ResourceManager(manager))
//
// It allows what [ResourceLimits] does, for every ceremony, and lifts the limits by
// address as well: libp2p takes eight connections from one IPv4 address or one IPv6
// /56, 64 from one /48, and after the first few one in five seconds. All members
// may be behind one address here, and members that are reached through a relay count
// as being at the relay's.
//
// Strangers at one address, or in one /56 or /48, leave room for the connections of all
// members that are elsewhere; those behind the same address they can keep out. So can
// strangers at many addresses together: a host that they can reach should have a
// connection gater that knows its members.
//
// The host reserves at most half of the machine's memory, or libp2p's default where
// that is more. A member of one ceremony takes about half a MiB, though
// most of it is reserved and never used: 1,000 members, or ten ceremonies of a hundred,
// fit on a machine of 2 GiB, ten times as many need 16.
//
// A resource manager cannot lift the system's limit of open files (ulimit -n): each
// TCP connection takes one, a member up to four while connections are replaced. Nor
// can it lift libp2p's limit for QUIC: 256 streams in each direction on a
// connection. Hosts that share more than 240 ceremonies at once should listen on TCP
// only.
//
// The error, for a number of members or of ceremonies that cannot be, is an
// [ErrInvalid].
func NewResourceManager(members, ceremonies int) (network.ResourceManager, error) {
	switch {
	case members < minMembers || members > maxMembers:
		return nil, invalid("members", "%d: it must be between %d and %d", members, minMembers, maxMembers)
	case ceremonies < 1 || ceremonies > maxCeremonies:
		return nil, invalid("ceremonies", "%d: it must be between 1 and %d", ceremonies, maxCeremonies)
	}
	defaults := libp2pDefaults()
	limits := resourceLimits(members*ceremonies, ceremonies, defaults).Build(defaults)
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits), byAddress(members*ceremonies)...)
	if err != nil {
		return nil, fmt.Errorf("making the host's resource manager: %w", err)
	}
	return manager, nil
}

// ResourceLimits returns the resource-manager limits that a host needs for one
// ceremony of the given size: two streams to and from each member, with room for
// reconnecting and for moving from a relay to a direct connection, the connections
// under them, and the memory that libp2p reserves for both. They are for a host with
// needs of its own; for any other [NewResourceManager] does it all. Merge them into
// the limits that the host is made with:
//
//	defaults := rcmgr.DefaultLimits
//	libp2p.SetDefaultServiceLimits(&defaults)
//	limits := syncmod.ResourceLimits(100).Build(defaults.AutoScale())
//	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
//	host, err := libp2p.New(libp2p.ResourceManager(manager))
//
// Each scope gets what the ceremony needs on top of libp2p's defaults for this machine.
// That replaces what the host had for these scopes. For several ceremonies at once, add
// their members up: two ceremonies of ten members are ResourceLimits(20). The same host
// may be a member of all of them, so a peer gets room for half as many ceremonies as
// there are members. The memory of the whole host is at most half of the machine's.
//
// libp2p's own defaults are enough for about 60 members. They count connections
// per address too, which is nothing that limits of scopes can change: many nodes
// behind one address need [rcmgr.WithLimitPerSubnet] and [rcmgr.WithConnRateLimiters]
// as well.
func ResourceLimits(members int) rcmgr.PartialLimitConfig {
	members = min(max(members, minMembers), maxMembers*maxCeremonies)
	return resourceLimits(members, members/minMembers, libp2pDefaults())
}

// libp2pDefaults are the limits of a host that is made without any, on this machine.
func libp2pDefaults() rcmgr.ConcreteLimitConfig {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	return scaling.AutoScale()
}

// resourceLimits is for ceremonies of so many members in all, each of which may be
// somebody else; or the same one in every ceremony.
func resourceLimits(members, ceremonies int, defaults rcmgr.ConcreteLimitConfig) rcmgr.PartialLimitConfig {
	_, strangers := inOnePlace(members) // they leave room for all members
	ours := needs(streamsPerMember*members+spareStreams, strangers+connsPerMember*members)
	perPeer := needs(streamsPerMember*(ceremonies+1), connsPerMember)
	host := defaults.ToPartialLimitConfig()
	limits := rcmgr.PartialLimitConfig{
		System:          onTop(host.System, ours),
		Transient:       onTop(host.Transient, ours),
		PeerDefault:     onTop(host.PeerDefault, perPeer),
		ServiceDefault:  onTop(host.ServiceDefault, ours),
		ProtocolDefault: onTop(host.ProtocolDefault, ours),
		Service:         map[string]rcmgr.ResourceLimits{ServiceName: onTop(host.ServiceDefault, ours)},
		ServicePeer:     map[string]rcmgr.ResourceLimits{ServiceName: onTop(host.ServicePeerDefault, perPeer)},
		Protocol:        map[protocol.ID]rcmgr.ResourceLimits{ProtocolID: onTop(host.ProtocolDefault, ours)},
		ProtocolPeer:    map[protocol.ID]rcmgr.ResourceLimits{ProtocolID: onTop(host.ProtocolPeerDefault, perPeer)},
	}
	limits.System.Memory = max(host.System.Memory, min(limits.System.Memory, mostMemory(host.System.Memory)))
	// libp2p identifies the peer of each connection, and has more services for it.
	for name, service := range host.Service {
		limits.Service[name] = onTop(service, ours)
	}
	for id, limit := range host.Protocol {
		limits.Protocol[id] = onTop(limit, ours)
	}
	return limits
}

// mostMemory is half of the machine's memory. libp2p's default is an eighth of it, and
// what the smallest host gets.
func mostMemory(libp2ps rcmgr.LimitVal64) rcmgr.LimitVal64 {
	return 4 * (libp2ps - rcmgr.LimitVal64(rcmgr.DefaultLimits.SystemBaseLimit.Memory))
}

// needs is what so many streams and connections in each direction need.
func needs(streams, connections int) rcmgr.ResourceLimits {
	in, conns := rcmgr.LimitVal(streams), rcmgr.LimitVal(connections)
	return rcmgr.ResourceLimits{
		StreamsInbound: in, StreamsOutbound: in, Streams: 2 * in,
		ConnsInbound: conns, ConnsOutbound: conns, Conns: 2 * conns, FD: 2 * conns,
		Memory: 2 * rcmgr.LimitVal64(streams) * (memoryPerStream + windowPerStream),
	}
}

func onTop(of, more rcmgr.ResourceLimits) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		StreamsInbound:  sum(of.StreamsInbound, more.StreamsInbound),
		StreamsOutbound: sum(of.StreamsOutbound, more.StreamsOutbound),
		Streams:         sum(of.Streams, more.Streams),
		ConnsInbound:    sum(of.ConnsInbound, more.ConnsInbound),
		ConnsOutbound:   sum(of.ConnsOutbound, more.ConnsOutbound),
		Conns:           sum(of.Conns, more.Conns),
		FD:              sum(of.FD, more.FD),
		Memory:          sum(of.Memory, more.Memory),
	}
}

// sum adds to a limit, which libp2p may write as unlimited, or as none at all.
func sum[T rcmgr.LimitVal | rcmgr.LimitVal64](of, more T) T {
	if of == T(rcmgr.Unlimited) {
		return of
	}
	return max(of, 0) + more
}

// inOnePlace is how many connections a host may have with one IPv4 address or one IPv6
// /56, and with one /48: those of all members, but not less than libp2p allows.
func inOnePlace(members int) (conns, conns48 int) {
	conns = connsPerMember * members
	return max(conns, 8), max(2*conns, 64)
}

// byAddress allows the connections of so many members to come from one place. libp2p
// counts those that are dialled as well.
func byAddress(members int) []rcmgr.Option {
	const again = 10 // seconds after which all may connect again
	conns, conns48 := inOnePlace(members)
	often := func(bits, conns int) rate.SubnetLimit {
		return rate.SubnetLimit{PrefixLength: bits, Limit: rate.Limit{RPS: float64(conns) / again, Burst: 2 * conns}}
	}
	return []rcmgr.Option{
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: conns}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: conns}, {PrefixLength: 48, ConnCount: conns48}},
		),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{ // loopback is not limited
				{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
				{Prefix: netip.MustParsePrefix("::1/128")},
			},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{often(32, conns)},
				IPv6SubnetLimits: []rate.SubnetLimit{often(56, conns), often(48, conns48)},
			},
		}),
	}
}
