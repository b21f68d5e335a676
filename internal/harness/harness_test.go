package harness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryNetworkCarriesACeremony(t *testing.T) {
	for name, opts := range map[string][]harness.Option{
		"TCP":           nil,
		"TCP over IPv6": {harness.TCP6()},
		"QUIC":          {harness.QUIC()},
		"links":         {harness.Links()},
		"relay":         {harness.Behind(harness.NewRelay(t, time.Minute, 1<<20))},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3, opts...)
			c.Start()

			c.Advance(c.All()...)
			c.Advance(c.All()...)
			c.Complete(c.All()...)

			for _, p := range c.Nodes[0].Ceremony.Status().Peers {
				require.Equal(t, name == "relay", p.Relayed)
			}
		})
	}
}

func TestAHealedLinkPassesWhatItHeld(t *testing.T) {
	config := harness.Patient()
	config.ExchangeTimeout = harness.Patience
	c := harness.New(t, 2, harness.Links(), harness.With(config))
	c.Start()
	c.Connect(c.All()...)

	for _, l := range c.Between([]int{0}, []int{1}) {
		l.Freeze()
	}
	harness.Eventually(t, func() bool { // wait until everything that passed the link before the freeze has arrived
		heard := c.Nodes[0].Ceremony.Status().Peers[0].LastSeen
		<-time.After(300 * time.Millisecond) // six heartbeats, none of which arrives
		return !heard.IsZero() && heard.Equal(c.Nodes[0].Ceremony.Status().Peers[0].LastSeen)
	}, "nothing arrives")
	for _, l := range c.Between([]int{0}, []int{1}) {
		l.Heal()
	}

	c.Advance(c.All()...)
	require.Zero(t, c.Nodes[0].Ceremony.Status().Peers[0].Reconnects)
}

func TestACutLinkNamesTheMissingMember(t *testing.T) {
	c := harness.New(t, 3, harness.Links())
	c.Start()
	c.Advance(c.All()...)

	for _, l := range c.Between([]int{2}, c.All()) {
		l.Cut()
	}

	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)
}

func TestARestartedNodeIsANewProcess(t *testing.T) {
	config := harness.Fast()
	config.PeerTimeout = harness.Patience // libp2p pauses 5 s after a failed dial
	c := harness.New(t, 3, harness.With(config))
	c.Start()
	c.Connect(c.All()...)

	c.Restart(1) // before step 1, so the ceremony goes on
	c.Advance(c.All()...)
	c.Restart(1)

	c.FailWith([]int{0, 2}, syncmod.ErrPeerRestarted, 1)
}

func TestAStopwatchRunsOnAnIdleMachine(t *testing.T) {
	began := time.Now()
	elapsed := harness.Stopwatch(t)

	harness.Eventually(t, func() bool { return elapsed() > 50*time.Millisecond }, "it runs")

	require.LessOrEqual(t, elapsed(), time.Since(began))
}
