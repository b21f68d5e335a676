package sim

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// circuits is how many circuits a default relay makes in an hour. It resets each after
// two minutes, and opening the next one takes a moment.
const circuits = 29

// recycling is how long a barrier may take if the relay recycles the circuit of its
// message. The next circuit is opened through the relay, and then the message is sent.
const recycling = 3 * time.Second

// Hidden members reach each other through a relay with default limits for an hour.
// Circuits come and go, and no step is lost with them.
func TestAnHourBehindARelay(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		relay := w.newRelay(t)
		def := w.settle(3)
		w.separate(hidden(relay.site))
		for i := range def.Peers {
			def.Peers[i].Addrs = []multiaddr.Multiaddr{relay.circuit()}
		}
		w.launch(w.members, def, behind(relay)...)
		began := time.Now()

		direct := make([]int, len(w.members)) // how many direct streams each member saw
		var watching sync.WaitGroup
		for i, m := range w.members {
			watching.Go(func() { direct[i] = countDirect(m.ceremony) })
		}
		slow := func(member, step int) time.Duration { return time.Hour/steps + work(member, step) }
		diaries := begin(w, w.ceremonies(), slow).end().complete(t)
		watching.Wait()

		require.Greater(t, diaries[0].ended.Sub(began), time.Hour)
		require.Zero(t, slices.Max(direct))
		for i, m := range w.members {
			for _, p := range m.ceremony.Status().Peers {
				t.Logf("from member %d to %d: %d reconnects", i, p.Index, p.Reconnects)
				require.GreaterOrEqual(t, p.Reconnects, circuits, "from member %d to %d", i, p.Index)
			}
		}
		for k := 1; k <= steps; k++ {
			t.Logf("barrier %d: %s", k, diaries.barrier(k))
			require.Less(t, diaries.barrier(k), recycling, "barrier %d", k)
		}
	})
}

// countDirect watches a ceremony to its end, and counts streams that do not run through
// a relay.
func countDirect(c *syncmod.Ceremony) int {
	seen := 0
	for status := range c.Watch(context.Background()) {
		for _, p := range status.Peers {
			if p.Outbound && !p.Relayed {
				seen++
			}
		}
	}
	return seen
}

// relayed is a relay: its host and its site.
type relayed struct {
	host host.Host
	site *site
}

// newRelay starts a relay with default limits: circuits of 2 min and 128 KiB.
func (w *world) newRelay(t *testing.T) *relayed {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	s := w.newSite(virginia)
	return &relayed{host: w.newHost(s, key, libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic()), site: s}
}

// circuit returns the address of a hidden member at the relay.
func (r *relayed) circuit() multiaddr.Multiaddr {
	return multiaddr.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", r.site.multiaddr(), r.host.ID()))
}

// behind returns options for a host that others can reach only through
// a relay.
func behind(r *relayed) []libp2p.Option {
	relay := peer.AddrInfo{ID: r.host.ID(), Addrs: []multiaddr.Multiaddr{r.site.multiaddr()}}
	return []libp2p.Option{
		libp2p.ForceReachabilityPrivate(),
		libp2p.EnableAutoRelayWithStaticRelays([]peer.AddrInfo{relay}, autorelay.WithBootDelay(0)),
		libp2p.AddrsFactory(func(all []multiaddr.Multiaddr) []multiaddr.Multiaddr {
			return slices.DeleteFunc(slices.Clone(all), func(a multiaddr.Multiaddr) bool {
				_, err := a.ValueForProtocol(multiaddr.P_CIRCUIT)
				return err != nil
			})
		}),
	}
}

// hidden cuts every link except those to and from one site.
func hidden(but *site) between {
	return func(from, to *site) bool { return from != but && to != but }
}
