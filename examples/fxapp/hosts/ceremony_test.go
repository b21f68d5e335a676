package hosts_test

import (
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	madns "github.com/multiformats/go-multiaddr-dns"
	"github.com/stretchr/testify/require"
)

// resolving answers for names instead of a name server: with loopback, or with a text.
func resolving(t *testing.T, name, text string) libp2p.Option {
	t.Helper()
	mock := &madns.MockResolver{
		IP:  map[string][]net.IPAddr{name: {{IP: net.IPv4(127, 0, 0, 1)}}},
		TXT: map[string][]string{"_dnsaddr." + name: {text}},
	}
	resolver, err := madns.NewResolver(madns.WithDefaultResolver(mock))
	require.NoError(t, err)
	return libp2p.MultiaddrResolver(swarm.ResolverFromMaDNS{Resolver: resolver})
}

func TestMembersMeetAtARelay(t *testing.T) {
	for name, listen := range map[string]string{"TCP": tcp4, "QUIC": quic4, "IPv6 TCP": tcp6, "IPv6 QUIC": quic6} {
		t.Run(name, func(t *testing.T) {
			c := cluster{relays: startRelay(t, listen).at()}
			c.start(t, 4)

			c.run(t)

			require.Equal(t, 4*3, c.relayed())
		})
	}
}

func TestMembersMeetAtARelaysURL(t *testing.T) {
	c := cluster{relays: []string{startRelay(t, tcp4, quic4).page(t)}}
	c.start(t, 4)

	c.run(t)

	require.Equal(t, 4*3, c.relayed())
}

func TestARelaysURLMayDie(t *testing.T) {
	r := startRelay(t, tcp4)
	page := httptest.NewServer(r)
	c := cluster{relays: []string{page.URL}}
	c.start(t, 4)
	c.connect(t)
	c.advance(t)

	page.Close()
	require.NoError(t, r.Close())
	eventually(t, func() bool { return c.connections() == 0 }, "the members have lost each other")
	r.start(t)

	c.advance(t)
	c.complete(t)
}

func TestMembersMeetAtARelaysName(t *testing.T) {
	r := startRelay(t, tcp4)
	at := r.at()[0]
	for name, relay := range map[string]string{
		"an address": strings.Replace(at, "/ip4/127.0.0.1/", "/dns4/relay.example/", 1),
		"a text":     "/dnsaddr/relay.example/p2p/" + r.ID().String(),
	} {
		t.Run(name, func(t *testing.T) {
			names := resolving(t, "relay.example", "dnsaddr="+at)
			c := cluster{relays: []string{relay}, options: []libp2p.Option{names}}
			c.start(t, 4)

			c.run(t)

			require.Equal(t, 4*3, c.relayed())
		})
	}
}

func TestMembersFindEachOther(t *testing.T) {
	for name, listen := range map[string]string{"TCP": tcp4, "QUIC": quic4, "IPv6 TCP": tcp6, "IPv6 QUIC": quic6} {
		t.Run(name, func(t *testing.T) {
			c := cluster{listen: []string{listen}}
			c.start(t, 4)

			c.run(t)

			require.Zero(t, c.relayed())
		})
	}
}

func TestMembersFindEachOtherByName(t *testing.T) {
	c := cluster{
		listen: []string{tcp4}, name: "/dns4/members.example/",
		options: []libp2p.Option{resolving(t, "members.example", "")},
	}
	c.start(t, 4)

	c.run(t)
}

func TestADirectWayIsPreferred(t *testing.T) {
	c := cluster{listen: []string{tcp4, quic4}, relays: startRelay(t, tcp4).at()}
	c.start(t, 4)

	c.connect(t)

	eventually(t, func() bool { return c.relayed() == 0 }, "no stream runs through the relay")
	c.complete(t)
}

func TestARelayMayComeLate(t *testing.T) {
	r := startRelay(t, tcp4)
	at := r.at()
	require.NoError(t, r.Close())
	c := cluster{relays: at}
	c.start(t, 4)
	eventually(t, func() bool {
		return strings.Contains(c.nodes[0].log.String(), "cannot be used and will be tried again") &&
			strings.Contains(c.nodes[0].log.String(), "connection refused")
	}, "the relay is said to be down")

	r.start(t)

	c.run(t)
	eventually(t, func() bool { return strings.Contains(c.nodes[0].log.String(), "can reach this node") }, "and up")
}

func TestARelayMayRestart(t *testing.T) {
	for name, listen := range map[string]string{"TCP": tcp4, "QUIC": quic4} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, listen)
			c := cluster{relays: r.at()}
			c.start(t, 4)
			c.connect(t)
			c.advance(t)

			require.NoError(t, r.Close())
			eventually(t, func() bool { return c.connections() == 0 }, "the members have lost each other")
			r.start(t)

			for range 3 {
				c.advance(t)
			}
			c.complete(t)
		})
	}
}

// connections counts the members that members are connected with.
func (c *cluster) connections() (count int) {
	for _, n := range c.nodes {
		for _, p := range n.ceremony.Status().Peers {
			if p.Inbound || p.Outbound {
				count++
			}
		}
	}
	return count
}

func TestOneOfTwoRelaysMayDie(t *testing.T) {
	relays := []*relay{startRelay(t, tcp4), startRelay(t, tcp4)}
	c := cluster{relays: append(relays[0].at(), relays[1].at()...)}
	c.start(t, 4)
	c.connect(t)
	c.advance(t)

	require.NoError(t, relays[0].Close())

	for range 3 {
		c.advance(t)
	}
	c.complete(t)
}

func TestARelayThatIsDownDelaysNobody(t *testing.T) {
	down := startRelay(t, tcp4)
	at := down.at()
	require.NoError(t, down.Close())
	c := cluster{relays: append(at, startRelay(t, tcp4).at()...)}
	c.start(t, 4)

	c.run(t)
}

func TestManyMembersMeetAtOneRelay(t *testing.T) {
	const members = 10 // libp2p's relays hold eight reservations for one address
	c := cluster{relays: startRelay(t, tcp4).at()}
	c.start(t, members)

	c.run(t)

	require.Equal(t, members*(members-1), c.relayed())
}
