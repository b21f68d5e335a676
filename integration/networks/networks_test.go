// Package networks_test takes ceremonies through failing networks: relays that recycle
// their circuits or die, connections that break at any byte or go silent, paths that
// work one way only, and hosts that trim their connections.
package networks_test

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // these tests wait more than they work
	goleak.VerifyTestMain(m)
}

// patient returns a configuration for networks that fail and recover: nodes never give
// up a member, and a busy machine does not end a stream.
func patient() syncmod.Config {
	config := harness.Fast()
	config.ExchangeTimeout = 10 * time.Second
	config.PeerTimeout, config.GoodbyeTimeout = harness.Patience, harness.Patience
	return config
}

// unadvertised keeps a host from telling its addresses to the peers that it is connected to.
var unadvertised = libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return nil })

// untilEach waits until every member's status of every other member fulfils a condition.
func untilEach(c *harness.Cluster, wanted func(syncmod.PeerStatus) bool) {
	for _, i := range c.All() {
		c.Until(i, func(s syncmod.Status) bool {
			return !slices.ContainsFunc(s.Peers, func(p syncmod.PeerStatus) bool { return !wanted(p) })
		})
	}
}

func gone(p syncmod.PeerStatus) bool { return !p.Inbound && !p.Outbound }
