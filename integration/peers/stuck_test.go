package peers_test

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// The process of bob, who is the first to be written to, is stopped, and the
// connection to him is full of what other protocols say: a write to him blocks until
// the exchange timeout ends it, or the next heartbeat comes, both of which are beyond
// the test's patience.
func TestAStoppedMemberKeepsNobodyWaiting(t *testing.T) {
	const bob = 1
	config := harness.Patient()
	config.Heartbeat, config.ExchangeTimeout = harness.Patience, 2*harness.Patience
	c := harness.New(t, 4, harness.With(config),
		harness.Hosts(libp2p.ResourceManager(&network.NullResourceManager{})))
	others := []int{2, 3}
	c.Start(0, 2, 3)
	stopped := c.Spawn(bob)
	c.Connect(0, 2, 3)
	stopped.Wait(isConnected)
	stopped.Advance()
	c.Advance(0, 2, 3)
	stopped.Wait(hasPassed(1))
	stopped.Freeze()
	fill(t, c.Nodes[0].Host, c.Nodes[bob].ID())

	elapsed := harness.Stopwatch(t)
	require.NoError(t, c.Nodes[0].Ceremony.SetStep(2))
	untilAll(c, others, func(s syncmod.Status) bool { return member(s, 0).Step == 2 })

	took := elapsed()
	t.Logf("the others heard after %s", took)
	require.Less(t, took, time.Second)
}

// fill fills the connection to a peer that reads nothing any more: it returns when a
// stream whose window is not used up takes no more bytes.
func fill(t *testing.T, from host.Host, to peer.ID) {
	t.Helper()
	const window, soon = 200 << 10, time.Second
	for taken := true; taken; {
		s, err := from.NewStream(t.Context(), to, ping.ID)
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Reset() })
		require.NoError(t, s.SetWriteDeadline(time.Now().Add(soon)))
		_, err = s.Write(make([]byte, window))
		taken = err == nil
	}
}
