package networks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestALateStartIsNoticed(t *testing.T) {
	t.Parallel()
	config := patient()
	config.BackoffMin, config.BackoffMax = 20*time.Second, 20*time.Second
	c := harness.New(t, 4, harness.With(config))
	c.Start(0, 1, 2)
	for _, i := range []int{0, 1, 2} {
		c.Until(i, func(s syncmod.Status) bool {
			late := s.Peers[2].LastError
			return harness.Connected(s.Peers[0]) && harness.Connected(s.Peers[1]) &&
				late != nil && strings.Contains(late.Error(), "no ceremony is running there")
		})
	}

	elapsed := harness.Stopwatch(t)
	c.Start(3)

	c.Connect(c.All()...)
	require.Less(t, elapsed(), 10*time.Second, "nobody waited for another attempt")
	c.Advance(c.All()...)
}

func TestOneKnownAddressIsEnough(t *testing.T) {
	t.Parallel()
	for name, learns := range map[string]func(i, j int) bool{
		"both do":               func(_, _ int) bool { return true },
		"the lower index does":  func(i, j int) bool { return i < j },
		"the higher index does": func(i, j int) bool { return i > j },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := harness.New(t, 3, harness.With(patient()), harness.Hosts(unadvertised))
			for i, n := range c.Nodes {
				def := c.Definition(i, t.Name())
				for j := range def.Peers {
					def.Peers[j].Addrs = nil
				}
				require.NoError(t, n.Run(fx.Supply(def), fx.Populate(&n.Ceremony)))
			}
			untilEach(c, func(p syncmod.PeerStatus) bool { return p.Attempts > 1 })

			for i, n := range c.Nodes {
				for j, other := range c.Nodes {
					if i != j && learns(i, j) {
						addrs := other.Host.Network().ListenAddresses()
						n.Host.Peerstore().AddAddrs(other.ID(), addrs, peerstore.PermanentAddrTTL)
					}
				}
			}

			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

func TestACeremonyRunsOverIPv6(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]harness.Option{"TCP": harness.TCP6(), "QUIC": harness.QUIC6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := harness.New(t, 4, network)
			c.Start()

			c.Advance(c.All()...)
			c.Advance(c.All()...)

			for _, conn := range c.Nodes[0].Host.Network().Conns() {
				require.Contains(t, conn.RemoteMultiaddr().String(), "/ip6/::1/")
			}
			c.Complete(c.All()...)
		})
	}
}
