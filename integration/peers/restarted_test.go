package peers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestEarlyRestartsAreAccepted(t *testing.T) {
	c := harness.New(t, 3)
	c.Start()

	for _, restarted := range []int{0, 1, 2, 2, 1, 0} {
		c.Connect(c.All()...)
		c.Restart(restarted)
		goesOn(t, c, syncmod.Connecting, c.All()...)
	}

	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestAllMayRestartBeforeStep1(t *testing.T) {
	c := harness.New(t, 3)
	c.Start()
	c.Connect(c.All()...)

	c.Restart(c.All()...)

	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestARestartIsKnownAtOnce(t *testing.T) {
	for _, restarted := range []int{0, 1, 2, 3} {
		t.Run(harness.Name(restarted), func(t *testing.T) {
			c := harness.New(t, 4, harness.With(harness.Patient()))
			c.Start()
			c.Advance(c.All()...)
			c.Kill(restarted)
			reopen(t, c, restarted)

			elapsed := harness.Stopwatch(t)
			c.Start(restarted)
			allFailed(c, c.Except(restarted)...)
			isToldToWait(c, restarted)
			took := elapsed()
			t.Log("known everywhere after", took)

			require.LessOrEqual(t, took, everywhere)
			c.FailWith(c.Except(restarted), syncmod.ErrPeerRestarted, restarted)
			goesOn(t, c, syncmod.Connecting, restarted)
		})
	}
}

func TestALaterRestartIsKnownAtOnce(t *testing.T) {
	c := harness.New(t, 4, harness.With(harness.Patient()))
	c.Start()
	for range 3 {
		c.Advance(c.All()...)
	}
	c.Kill(2)
	untilAll(c, c.Except(2), carolIsLost) // and the nodes have begun to look for it
	reopen(t, c, 2)

	elapsed := harness.Stopwatch(t)
	c.Start(2)
	allFailed(c, c.Except(2)...)
	isToldToWait(c, 2)
	took := elapsed()
	t.Log("known everywhere after", took)

	require.LessOrEqual(t, took, everywhere)
	for _, i := range c.Except(2) {
		require.ErrorContains(t, c.Failure(i), "operator 2 (carol)", harness.Name(i))
		require.ErrorContains(t, c.Failure(i), "restarted", harness.Name(i))
	}
	goesOn(t, c, syncmod.Connecting, 2)
}

// isToldToWait waits until every member has told a restarted member why it has to wait.
func isToldToWait(c *harness.Cluster, restarted int) {
	c.Until(restarted, func(s syncmod.Status) bool {
		return !slices.ContainsFunc(s.Peers, func(p syncmod.PeerStatus) bool {
			return !strings.HasPrefix(p.Waiting, "its attempt has failed: operator "+operator(restarted)+" restarted")
		})
	})
}

func TestAnAbortIsKnownAtOnce(t *testing.T) {
	for _, who := range []int{0, 1, 2, 3} {
		t.Run(harness.Name(who), func(t *testing.T) {
			c := harness.New(t, 4, harness.With(harness.Patient()))
			c.Idle()
			for range 2 { // first on new connections, then on used ones
				c.Open(t.Name())
				c.Advance(c.All()...)

				elapsed := harness.Stopwatch(t)
				c.Nodes[who].Ceremony.Abort(errDisk)
				allFailed(c, c.All()...)
				took := elapsed()
				t.Log("known everywhere after", took)

				require.LessOrEqual(t, took, everywhere)
				for _, i := range c.Except(who) {
					require.ErrorIs(t, c.Failure(i), syncmod.ErrPeerAborted)
					require.Equal(t, who, harness.Culprit(t, c.Failure(i)).Index)
					require.ErrorContains(t, c.Failure(i), "the disk is full")
				}
				closeAll(t, c)
			}
		})
	}
}

// reopen opens the host of a killed node, and connects it to the others. So the test
// measures the protocol, and not how fast a busy machine completes handshakes.
func reopen(t *testing.T, c *harness.Cluster, node int) {
	t.Helper()
	n := c.Nodes[node]
	n.OpenHost()
	for i, p := range c.Definition(node, t.Name()).Peers {
		if i == node {
			continue
		}
		require.Eventually(t, func() bool { // the other node may dial at the same moment, and then both may fail
			return n.Host.Connect(c.Context(), peer.AddrInfo{ID: p.ID, Addrs: p.Addrs}) == nil
		}, harness.Patience, 5*time.Millisecond)
	}
}

// allFailed waits until the ceremony has failed on all these nodes.
func allFailed(c *harness.Cluster, nodes ...int) {
	for _, i := range nodes {
		_ = c.Failure(i)
	}
}
