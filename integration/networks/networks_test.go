// Package networks_test takes ceremonies through networks that fail: relays that
// recycle their circuits or die, connections that break at any byte or go silent,
// paths that work one way only, hosts that trim what they are connected with.
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

// patient is a configuration for networks that fail and heal: nobody is given up,
// and no stream because the machine is busy.
func patient() syncmod.Config {
	config := harness.Fast()
	config.ExchangeTimeout = 10 * time.Second
	config.PeerTimeout, config.GoodbyeTimeout = harness.Patience, harness.Patience
	return config
}

// unadvertised keeps a host from telling whom it is connected with where it is.
var unadvertised = libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return nil })

// untilEach waits until every member is to every other one as wanted.
func untilEach(c *harness.Cluster, wanted func(syncmod.PeerStatus) bool) {
	for _, i := range c.All() {
		c.Until(i, func(s syncmod.Status) bool {
			return !slices.ContainsFunc(s.Peers, func(p syncmod.PeerStatus) bool { return !wanted(p) })
		})
	}
}

func gone(p syncmod.PeerStatus) bool { return !p.Inbound && !p.Outbound }
