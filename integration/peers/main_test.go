package peers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) {
	harness.Main()
	goleak.VerifyTestMain(m)
}

// carol is the member that fails, if it does not matter which one fails.
const carol = 2

// everywhere is the longest time until all members on loopback know of a restart or
// an abort.
const everywhere = 500 * time.Millisecond

var errDisk = errors.New("the disk is full")

// The waits that tests let nodes enter.
func await(ctx context.Context, c *syncmod.Ceremony) error    { return c.AwaitConnected(ctx) }
func complete(ctx context.Context, c *syncmod.Ceremony) error { return c.Complete(ctx) }
func advance(ctx context.Context, c *syncmod.Ceremony) error {
	_, err := c.Advance(ctx)
	return err
}

// enter makes nodes enter a wait. The channel gives their errors when all waits have ended.
func enter(c *harness.Cluster, nodes []int, wait func(context.Context, *syncmod.Ceremony) error) <-chan map[int]error {
	ended := make(chan map[int]error, 1)
	go func() { ended <- c.Each(nodes, wait) }()
	return ended
}

// outcome waits until the waits have ended, and returns their errors.
func outcome(t *testing.T, ended <-chan map[int]error) map[int]error {
	t.Helper()
	select {
	case errs := <-ended:
		return errs
	case <-time.After(harness.Patience):
		require.Fail(t, "the wait goes on")
		return nil
	}
}

// well requires that a wait ends without an error on every node.
func well(t *testing.T, ended <-chan map[int]error) {
	t.Helper()
	for i, err := range outcome(t, ended) {
		require.NoError(t, err, harness.Name(i))
	}
}

// member returns a member's entry in another member's status.
func member(s syncmod.Status, index int) syncmod.PeerStatus {
	for _, p := range s.Peers {
		if p.Index == index {
			return p
		}
	}
	return syncmod.PeerStatus{}
}

func connected(index int) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool { return harness.Connected(member(s, index)) }
}

func carolIsLost(s syncmod.Status) bool {
	return !member(s, carol).Inbound && !member(s, carol).Outbound
}

// carolIsSilent reports whether a node's stream to carol ended because she did not answer.
func carolIsSilent(s syncmod.Status) bool {
	p := member(s, carol)
	return !p.Outbound && p.LastError != nil && strings.Contains(p.LastError.Error(), "it is silent")
}

func atStep2(index int) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool { return member(s, index).Step == 2 }
}

// untilAll waits until the status of each node fulfils a condition.
func untilAll(c *harness.Cluster, nodes []int, wanted func(syncmod.Status) bool) {
	for _, i := range nodes {
		c.Until(i, wanted)
	}
}

// goesOn requires that the ceremony has not failed on these nodes.
func goesOn(t *testing.T, c *harness.Cluster, phase syncmod.Phase, nodes ...int) {
	t.Helper()
	for _, i := range nodes {
		require.NoError(t, c.Nodes[i].Ceremony.Err(), harness.Name(i))
		require.Equal(t, phase, c.Nodes[i].Ceremony.Status().Phase, harness.Name(i))
	}
}

// Conditions on the reports of a process.
func hasPassed(step int64) func(harness.Report) bool {
	return func(r harness.Report) bool { return r.Passed == step }
}

func isNow(phase syncmod.Phase) func(harness.Report) bool {
	return func(r harness.Report) bool { return r.Phase == phase.String() }
}

func isConnected(r harness.Report) bool { return r.Connected }

// closeAll closes the ceremonies of all nodes.
func closeAll(t *testing.T, c *harness.Cluster) {
	t.Helper()
	well(t, enter(c, c.All(), func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		return ceremony.Close(ctx)
	}))
}

// operator names an operator as sentences do: "2 (carol)".
func operator(index int) string { return fmt.Sprintf("%d (%s)", index, harness.Name(index)) }
