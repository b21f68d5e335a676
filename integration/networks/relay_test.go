package networks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// A relay recycles circuits by time or by bytes. These values are for a limit that no
// circuit should reach.
const (
	long = time.Hour
	much = 1 << 30
)

// relays has the transports over which members reach a relay.
var relays = map[string]func(testing.TB, time.Duration, int64) *harness.Relay{
	"TCP": harness.NewRelay, "QUIC": harness.NewRelayQUIC,
}

// The test is not parallel: a circuit lasts one second, and must become useful within
// that second.
func TestCircuitsMayEndEverySecond(t *testing.T) {
	for name, relay := range relays {
		t.Run(name, func(t *testing.T) { outlive(t, 2, relay(t, time.Second, much), patient()) })
	}
}

func TestCircuitsMayEndAfter16KiB(t *testing.T) {
	t.Parallel()
	config := patient()
	config.Heartbeat = 10 * time.Millisecond // about 10 KiB a second
	for name, relay := range relays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outlive(t, 3, relay(t, long, 16<<10), config)
		})
	}
}

// outlive takes n members through a ceremony. Between one barrier and the next, each
// member loses its stream to every other member.
func outlive(t *testing.T, n int, relay *harness.Relay, config syncmod.Config) {
	t.Helper()
	c := harness.New(t, n, harness.Behind(relay), harness.With(config))
	c.Start()
	for step := range 5 {
		c.Advance(c.All()...)
		untilEach(c, func(p syncmod.PeerStatus) bool { return p.Reconnects > step })
	}
	c.Complete(c.All()...)
	for _, n := range c.Nodes {
		for _, p := range n.Ceremony.Status().Peers {
			require.True(t, p.Relayed && p.Done, "%s to %s: %+v", harness.Name(n.Index), p.Peer.Name, p)
		}
	}
}

func TestAStepOutlivesARelaysOutage(t *testing.T) {
	t.Parallel()
	relay := harness.NewRelay(t, long, much)
	c := harness.New(t, 3, harness.Behind(relay), harness.With(patient()))
	c.Start()
	c.Advance(c.All()...)
	c.Advance(c.All()...)

	relay.Stop()
	untilEach(c, gone)
	for i, err := range c.Each(c.All(), func(_ context.Context, ceremony *syncmod.Ceremony) error {
		return ceremony.SetStep(3)
	}) {
		require.NoError(t, err, harness.Name(i))
	}
	relay.Start()

	c.Advance(c.All()...)
	untilEach(c, func(p syncmod.PeerStatus) bool { return p.Step == 3 && p.Reconnects > 0 && harness.Connected(p) })
	c.Complete(c.All()...)
}
