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

// maxCeremonies is the maximum number of simultaneous ceremonies that limits are made
// for.
const maxCeremonies = 10_000

// What a host needs for each member of each ceremony, in either direction.
const (
	streamsPerMember = 4 // one in use, one that replaces it, and two that are being torn down
	connsPerMember   = 4 // both sides may dial at the same time, on two transports
	spareStreams     = 64

	memoryPerStream = 64 << 10  // a frame of the default size, and what belongs to it
	windowPerStream = 256 << 10 // what yamux reserves for each stream when it opens, used or not
)

// NewResourceManager returns a resource manager for a host that exists only for its
// ceremonies. It allows the given number of ceremonies at the same time, each with the
// given number of members. Such a host needs only these two lines:
//
//	manager, err := syncmod.NewResourceManager(100, 1)
//	host, err := libp2p.New(libp2p.ResourceManager(manager))
//
// It allows what [ResourceLimits] allows, for every ceremony, and also raises the
// limits by address. By default, libp2p allows eight connections at a time from one
// IPv4 address or one IPv6 /56, and 64 from one /48. It also limits how fast they come:
// after the first few, one every five seconds. With this resource manager all members
// may be behind one address. A member that is reached through a relay counts as being
// at the relay's address.
//
// Strangers at one address, or in one /56 or /48, cannot take the room for the
// connections of members at other addresses. They can keep out members behind the same
// address. Strangers at many addresses together can keep out members too, so a host
// that strangers can reach should have a connection gater that knows its members.
//
// The host reserves at most half of the machine's memory, or libp2p's default if that
// is more. Each member of one ceremony takes about half a MiB, but most of it is
// reserved and never used. A machine with 2 GiB has room for 1,000 members, or for ten
// ceremonies of a hundred. Ten times as many need 16 GiB.
//
// A resource manager cannot raise the system's limit on open files (ulimit -n). Each
// TCP connection takes one file, so a member takes up to four while connections are
// replaced. A resource manager cannot raise libp2p's limit for QUIC either, which is
// 256 streams in each direction of a connection. Hosts that have more than 240
// ceremonies in common at the same time should listen on TCP only.
//
// If the number of members or ceremonies is out of range, the error is an [ErrInvalid].
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

// ResourceLimits returns the resource-manager limits that a host needs for one ceremony
// of the given size. They cover one stream to each member and one from each member,
// with room for reconnecting and for moving from a relay to a direct connection. They
// also cover the connections under these streams, and the memory that libp2p reserves
// for both. ResourceLimits is for a host that has other needs too; for any other host,
// [NewResourceManager] does everything. Merge the limits into those that the host is
// made with:
//
//	defaults := rcmgr.DefaultLimits
//	libp2p.SetDefaultServiceLimits(&defaults)
//	limits := syncmod.ResourceLimits(100).Build(defaults.AutoScale())
//	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
//	host, err := libp2p.New(libp2p.ResourceManager(manager))
//
// Each scope gets libp2p's defaults for this machine plus what the ceremony needs. This
// replaces the host's own limits for these scopes. For several ceremonies at the same
// time, add up their members: two ceremonies of ten members need ResourceLimits(20).
// The same peer may be a member of all these ceremonies. Each ceremony has at least two
// members, so ResourceLimits(members) is for at most members/2 ceremonies. So a peer
// gets room for that many ceremonies. The whole host gets at most half of the machine's
// memory.
//
// The defaults of libp2p are enough for about 60 members. They also limit connections
// by address, and the limits of scopes cannot change that. Many nodes behind one
// address also need [rcmgr.WithLimitPerSubnet] and [rcmgr.WithConnRateLimiters].
func ResourceLimits(members int) rcmgr.PartialLimitConfig {
	members = min(max(members, minMembers), maxMembers*maxCeremonies)
	return resourceLimits(members, members/minMembers, libp2pDefaults())
}

// libp2pDefaults returns the limits of a host that is made without any, on this
// machine.
func libp2pDefaults() rcmgr.ConcreteLimitConfig {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	return scaling.AutoScale()
}

// resourceLimits returns the limits for ceremonies with the given number of members in
// all. Each member may be a different peer, or the same peer in every ceremony.
func resourceLimits(members, ceremonies int, defaults rcmgr.ConcreteLimitConfig) rcmgr.PartialLimitConfig {
	_, strangers := inOnePlace(members) // what strangers at one place may take; what members need comes on top of it
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
	// libp2p's own services open streams to the members too. One of them identifies the
	// peer of each connection.
	for name, service := range host.Service {
		limits.Service[name] = onTop(service, ours)
	}
	for id, limit := range host.Protocol {
		limits.Protocol[id] = onTop(limit, ours)
	}
	return limits
}

// mostMemory returns half of the machine's memory. libp2p's default is an eighth of it
// plus the minimum that every host gets.
func mostMemory(libp2ps rcmgr.LimitVal64) rcmgr.LimitVal64 {
	return 4 * (libp2ps - rcmgr.LimitVal64(rcmgr.DefaultLimits.SystemBaseLimit.Memory))
}

// needs returns what the given numbers of streams and connections in each direction
// need.
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

// sum adds to a limit. libp2p has special values for an unlimited and for an unset
// limit.
func sum[T rcmgr.LimitVal | rcmgr.LimitVal64](of, more T) T {
	if of == T(rcmgr.Unlimited) {
		return of
	}
	return max(of, 0) + more
}

// inOnePlace returns how many connections a host may have with one IPv4 address or one
// IPv6 /56, and with one /48. That is enough for all members, and at least what libp2p
// allows.
func inOnePlace(members int) (conns, conns48 int) {
	conns = connsPerMember * members
	return max(conns, 8), max(2*conns, 64)
}

// byAddress allows the connections of the given number of members to come from one
// place. libp2p also counts the connections that the host dials.
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
