package syncmod_test

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	libp2pidentify "github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	mostMembers = 1024      // members
	yamuxWindow = 256 << 10 // what yamux reserves for a stream
	frameMemory = 16 << 10  // what this module reserves for a stream
)

// takeMember takes what a host needs for a member at an address: a connection, with a
// stream in each direction for every ceremony.
func takeMember(m network.ResourceManager, id peer.ID, at string, ceremonies int) error {
	conn, err := m.OpenConnection(network.DirInbound, true, multiaddr.StringCast(at))
	if err != nil {
		return err
	}
	if err := conn.SetPeer(id); err != nil {
		return err
	}
	for range ceremonies {
		for _, direction := range []network.Direction{network.DirInbound, network.DirOutbound} {
			if err := takeStream(m, conn.PeerScope(), id, direction); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeStream takes what yamux, the host and this module need for a stream.
func takeStream(m network.ResourceManager, muxer network.PeerScope, id peer.ID, direction network.Direction) error {
	span, err := muxer.BeginSpan()
	if err != nil {
		return err
	}
	if err := span.ReserveMemory(yamuxWindow, network.ReservationPriorityAlways); err != nil {
		return err
	}
	s, err := m.OpenStream(id, direction)
	if err != nil {
		return err
	}
	if err := s.SetProtocol(syncmod.ProtocolID); err != nil {
		return err
	}
	if err := s.SetService(syncmod.ServiceName); err != nil {
		return err
	}
	return s.ReserveMemory(frameMemory, network.ReservationPriorityAlways)
}

// takeMembers takes what the other members of the ceremonies need. Each member is at its
// own address, or all are at the same one.
func takeMembers(m network.ResourceManager, n, ceremonies int, at func(i int) string) error {
	for i := 1; i < n; i++ {
		id, err := test.RandPeerID()
		if err != nil {
			return err
		}
		if err := takeMember(m, id, at(i), ceremonies); err != nil {
			return fmt.Errorf("member %d of %d, %d ceremonies: %w", i, n, ceremonies, err)
		}
	}
	return nil
}

func anywhere(i int) string { return fmt.Sprintf("/ip4/10.0.%d.%d/tcp/3610", i>>8, i&255) }

func TestTheLargestCeremonyFitsItsLimits(t *testing.T) {
	for _, memory := range []int64{1 << 30, 4 << 30, 16 << 30} {
		t.Run(fmt.Sprintf("%d GiB", memory>>30), func(t *testing.T) {
			defaults := rcmgr.DefaultLimits
			libp2p.SetDefaultServiceLimits(&defaults)
			limits := syncmod.ResourceLimits(mostMembers).Build(defaults.Scale(memory/8, 1<<9))
			manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
			require.NoError(t, err)
			t.Cleanup(func() { _ = manager.Close() })

			require.NoError(t, takeMembers(manager, mostMembers, 1, anywhere))
		})
	}
}

// All the ceremonies have the same two hosts as their only members.
func TestSeveralCeremoniesFitIntoTheLimits(t *testing.T) {
	for _, ceremonies := range []int{20, 1000} {
		t.Run(fmt.Sprint(ceremonies), func(t *testing.T) {
			limits := syncmod.ResourceLimits(2 * ceremonies).Build(rcmgr.DefaultLimits.AutoScale())
			manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
			require.NoError(t, err)
			t.Cleanup(func() { _ = manager.Close() })

			require.NoError(t, takeMembers(manager, 2, ceremonies, anywhere))
		})
	}
}

func TestResourceLimitsRaiseEveryScope(t *testing.T) {
	defaults := rcmgr.DefaultLimits.AutoScale().ToPartialLimitConfig()

	limits := syncmod.ResourceLimits(2)

	for name, scope := range map[string]struct{ of, than rcmgr.ResourceLimits }{
		"system":           {limits.System, defaults.System},
		"transient":        {limits.Transient, defaults.Transient},
		"peer":             {limits.PeerDefault, defaults.PeerDefault},
		"a service":        {limits.ServiceDefault, defaults.ServiceDefault},
		"a protocol":       {limits.ProtocolDefault, defaults.ProtocolDefault},
		"service":          {limits.Service[syncmod.ServiceName], defaults.ServiceDefault},
		"peer of service":  {limits.ServicePeer[syncmod.ServiceName], defaults.ServicePeerDefault},
		"protocol":         {limits.Protocol[syncmod.ProtocolID], defaults.ProtocolDefault},
		"peer of protocol": {limits.ProtocolPeer[syncmod.ProtocolID], defaults.ProtocolPeerDefault},
	} {
		require.Greater(t, scope.of.Streams, scope.than.Streams, name)
		require.Greater(t, scope.of.StreamsInbound, scope.than.StreamsInbound, name)
		require.Greater(t, scope.of.StreamsOutbound, scope.than.StreamsOutbound, name)
		require.Greater(t, scope.of.Conns, max(scope.than.Conns, 0), name)
		require.Greater(t, scope.of.FD, max(scope.than.FD, 0), name)
		require.Greater(t, scope.of.Memory, scope.than.Memory, name)
	}
}

// The members are at one address or in one network, and come at the same time.
func TestAResourceManagerFitsItsCeremonies(t *testing.T) {
	for name, at := range map[string]func(i int) string{
		"anywhere":         anywhere,
		"one IPv4 address": func(i int) string { return fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", i) },
		"one IPv6 /56":     func(i int) string { return fmt.Sprintf("/ip6/2001:db8::%x/tcp/3610", i) },
		"one IPv6 /48":     func(i int) string { return fmt.Sprintf("/ip6/2001:db8:0:%x::1/tcp/3610", i) },
		"loopback":         func(i int) string { return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", i) },
	} {
		for _, size := range []struct{ members, ceremonies int }{{2, 1}, {24, 1}, {mostMembers, 1}, {4, 1000}} {
			t.Run(fmt.Sprintf("%s, %d members, %d times", name, size.members, size.ceremonies), func(t *testing.T) {
				manager, err := syncmod.NewResourceManager(size.members, size.ceremonies)
				require.NoError(t, err)
				t.Cleanup(func() { _ = manager.Close() })

				require.NoError(t, takeMembers(manager, size.members, size.ceremonies, at))
			})
		}
	}
}

func TestLoopbackIsNotLimited(t *testing.T) {
	manager, err := syncmod.NewResourceManager(2, 1)
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })

	for _, address := range []string{"/ip4/127.0.0.1/tcp/%d", "/ip6/::1/tcp/%d"} {
		at := func(i int) string { return fmt.Sprintf(address, i) }
		require.NoError(t, takeMembers(manager, 35, 0, at))
	}
}

// A resource manager raises limits for its ceremonies, but does not remove any.
func TestAResourceManagerStillLimits(t *testing.T) {
	manager, err := syncmod.NewResourceManager(4, 1)
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })
	one := func(i int) string { return fmt.Sprintf("/ip6/2001:db8::%x/tcp/3610", i) }

	require.ErrorContains(t, takeMembers(manager, mostMembers, 0, one), "connections per ip limit exceeded")
	err = takeMember(manager, test.RandPeerIDFatal(t), anywhere(1), mostMembers)
	require.ErrorIs(t, err, network.ErrResourceLimitExceeded)
}

// Every host opens a stream on each connection to identify its peer. There is room for
// such a stream from every member at the same time, but for no more streams from one
// peer than libp2p allows.
func TestLibp2psOwnServicesAreLimited(t *testing.T) {
	managers := map[string]func() (network.ResourceManager, error){
		"NewResourceManager": func() (network.ResourceManager, error) {
			return syncmod.NewResourceManager(mostMembers, 1)
		},
		"ResourceLimits": func() (network.ResourceManager, error) {
			defaults := rcmgr.DefaultLimits
			libp2p.SetDefaultServiceLimits(&defaults)
			limits := syncmod.ResourceLimits(mostMembers).Build(defaults.Scale(1<<27, 1<<9))
			return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
		},
	}
	for name, newManager := range managers {
		t.Run(name, func(t *testing.T) {
			manager, err := newManager()
			require.NoError(t, err)
			t.Cleanup(func() { _ = manager.Close() })

			for range mostMembers {
				require.NoError(t, identify(manager, test.RandPeerIDFatal(t)))
			}
			id, most := test.RandPeerIDFatal(t), 0
			for ; most < 100 && identify(manager, id) == nil; most++ {
			}
			require.Equal(t, 16, most)
		})
	}
}

func identify(m network.ResourceManager, id peer.ID) error {
	s, err := m.OpenStream(id, network.DirInbound)
	if err != nil {
		return err
	}
	if err := s.SetProtocol(libp2pidentify.ID); err != nil {
		return err
	}
	return s.SetService(libp2pidentify.ServiceName)
}

// With few members, the limits by address are not lower than those of libp2p.
func TestASmallLimitIsNeverBelowLibp2ps(t *testing.T) {
	manager, err := syncmod.NewResourceManager(2, 1)
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })

	for i := range 64 {
		address := fmt.Sprintf("/ip6/2001:db8:0:%x00::1/tcp/3610", i)
		_, err := manager.OpenConnection(network.DirInbound, true, multiaddr.StringCast(address))
		require.NoError(t, err, "connection %d from one /48", i)
	}
}

func TestMemoryIsLimitedToHalfTheMachine(t *testing.T) {
	libp2ps := int64(rcmgr.DefaultLimits.AutoScale().ToPartialLimitConfig().System.Memory)
	manager, err := syncmod.NewResourceManager(mostMembers, 10_000)
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })

	limits := syncmod.ResourceLimits(mostMembers * 10_000)
	require.GreaterOrEqual(t, int64(limits.System.Memory), libp2ps)
	require.LessOrEqual(t, int64(limits.System.Memory), 4*libp2ps) // half of the machine's memory plus half a GiB
	require.NoError(t, manager.ViewSystem(func(system network.ResourceScope) error {
		span, err := system.BeginSpan()
		if err != nil {
			return err
		}
		defer span.Done()
		require.NoError(t, span.ReserveMemory(int(libp2ps), network.ReservationPriorityAlways))
		require.Error(t, span.ReserveMemory(int(3*libp2ps), network.ReservationPriorityAlways))
		return nil
	}))
}

// A stranger takes every connection that it can get, either with a new key for each or
// without a handshake. The members are at other addresses, and can still connect.
func TestStrangersLeaveRoomForMembers(t *testing.T) {
	for name, at := range map[string]func(i int) string{
		"one IPv4 address": func(i int) string { return fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", 1+i%65535) },
		"one IPv6 /56":     func(i int) string { return fmt.Sprintf("/ip6/2001:db8::%x/tcp/3610", i&65535) },
		"one IPv6 /48":     func(i int) string { return fmt.Sprintf("/ip6/2001:db8:0:%x::1/tcp/3610", i&65535) },
	} {
		for _, size := range []struct{ members, ceremonies int }{{2, 1}, {100, 1}, {4, 100}} {
			for _, shakesHands := range []bool{true, false} {
				t.Run(fmt.Sprint(name, size, shakesHands), func(t *testing.T) {
					manager, err := syncmod.NewResourceManager(size.members, size.ceremonies)
					require.NoError(t, err)
					t.Cleanup(func() { _ = manager.Close() })
					held := takeConns(t, manager, shakesHands, at)

					for i := range 2 * size.members * size.ceremonies { // each connects twice
						conn, err := manager.OpenConnection(network.DirInbound, true, multiaddr.StringCast(anywhere(i)))
						require.NoError(t, err, "connection %d, a stranger holds %d", i, held)
						require.NoError(t, conn.SetPeer(test.RandPeerIDFatal(t)))
					}
				})
			}
		}
	}
}

// Strangers in one /56 leave room for members elsewhere in the same /48.
func TestIPv6StrangersLeaveRoomForNeighbours(t *testing.T) {
	manager, err := syncmod.NewResourceManager(100, 1)
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })
	takeConns(t, manager, true, func(i int) string { return fmt.Sprintf("/ip6/2001:db8::%x/tcp/3610", i&65535) })

	next := func(i int) string { return fmt.Sprintf("/ip6/2001:db8:0:100::%x/tcp/3610", i) }
	require.NoError(t, takeMembers(manager, 100, 1, next))
}

// takeConns takes inbound connections until one is refused, and returns how many it
// took.
func takeConns(t *testing.T, m network.ResourceManager, shakesHands bool, at func(i int) string) int {
	t.Helper()
	for i := range 1 << 20 {
		conn, err := m.OpenConnection(network.DirInbound, true, multiaddr.StringCast(at(i)))
		if err != nil {
			return i
		}
		if shakesHands {
			require.NoError(t, conn.SetPeer(test.RandPeerIDFatal(t)))
		}
	}
	require.Fail(t, "nothing limits a stranger")
	return 0
}

func TestBadNumbersMakeNoResourceManager(t *testing.T) {
	for _, c := range []struct {
		members, ceremonies int
		says                string
	}{
		{1, 1, "members: 1: it must be between 2 and 1024"},
		{1025, 1, "members: 1025: it must be between 2 and 1024"},
		{4, 0, "ceremonies: 0: it must be between 1 and 10000"},
		{4, 10001, "ceremonies: 10001: it must be between 1 and 10000"},
	} {
		_, err := syncmod.NewResourceManager(c.members, c.ceremonies)
		require.ErrorIs(t, err, syncmod.ErrInvalid)
		require.ErrorContains(t, err, c.says)
	}
}
