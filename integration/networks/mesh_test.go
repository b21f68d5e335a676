package networks_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// waitAt returns the error of a node whose wait at step 1 ends now.
func waitAt(t *testing.T, c *harness.Cluster, node int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := c.Nodes[node].Ceremony.Advance(ctx)
	return fmt.Sprint(err)
}

// untilItReads waits until the error of a node's wait at step 1 contains the text.
func untilItReads(t *testing.T, c *harness.Cluster, node int, text string) {
	t.Helper()
	reads := func() bool { return strings.Contains(waitAt(t, c, node), text) }
	require.Eventually(t, reads, harness.Patience, 10*time.Millisecond)
}

// breaks returns a condition: the only broken pair consists of the
// members a and b.
func breaks(a, b int) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool {
		return len(s.Broken) == 1 && s.Broken[0].A == a && s.Broken[0].B == b
	}
}

func TestEveryoneNamesABrokenPair(t *testing.T) {
	t.Parallel()
	c := harness.New(t, 4, harness.Links(), harness.With(patient()))
	between := c.Between([]int{1}, []int{2})
	for _, l := range between {
		l.Cut()
	}
	c.Start()
	for _, i := range c.All() {
		c.Until(i, breaks(1, 2))
	}

	for _, i := range []int{0, 3} {
		require.Regexp(t, `bob and carol cannot reach each other \(for [0-9.]+ m?s\)`, waitAt(t, c, i))
	}
	untilItReads(t, c, 1, "but alice and dave reach it: check this node's network")
	untilItReads(t, c, 2, "but alice and dave reach it: check this node's network")

	for _, l := range between {
		l.Heal()
	}
	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestAReunitedPairIsNotBroken(t *testing.T) {
	t.Parallel()
	c := harness.New(t, 3, harness.Links(), harness.With(patient()))
	c.Start()
	c.Advance(c.All()...)
	between := c.Between([]int{1}, []int{2})
	for _, l := range between {
		l.Cut()
	}
	c.Until(0, breaks(1, 2))

	for _, l := range between {
		l.Heal()
	}

	c.Until(0, func(s syncmod.Status) bool { return len(s.Broken) == 0 })
	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestNobodyReachesAnAbsentMember(t *testing.T) {
	t.Parallel()
	c := harness.New(t, 4, harness.Links(), harness.With(patient()))
	c.Start(0, 1, 3)
	c.Until(0, func(s syncmod.Status) bool { return sees(s, 1, 3) && sees(s, 3, 1) })

	untilItReads(t, c, 0, "nobody reaches it")
	require.Empty(t, c.Nodes[0].Ceremony.Status().Broken)
}

// sees reports whether the given member says that it is connected to
// the other one.
func sees(s syncmod.Status, member, other int) bool {
	i := slices.IndexFunc(s.Peers, func(p syncmod.PeerStatus) bool { return p.Index == member })
	view := s.Peers[i].View
	return len(view) > other && view[other].Inbound && view[other].Outbound
}

func TestEveryoneSeesRelayedLinks(t *testing.T) {
	t.Parallel()
	c := harness.New(t, 3, harness.Behind(harness.NewRelay(t, long, much)), harness.With(patient()))
	c.Start()

	c.Until(0, func(s syncmod.Status) bool { return sees(s, 1, 2) && s.Peers[0].View[2].Relayed })
	c.Advance(c.All()...)
	c.Complete(c.All()...)
}
