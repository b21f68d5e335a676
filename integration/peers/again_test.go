package peers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// waysBack are the ways in which a long-lived node comes back for a new attempt.
var waysBack = map[string]func(t *testing.T, c *harness.Cluster, node int){
	"reopened": func(t *testing.T, c *harness.Cluster, node int) {
		require.NoError(t, c.Nodes[node].Ceremony.Close(c.Context()))
		c.Open(ceremonyOf(t), node)
	},
	"app restarted": func(t *testing.T, c *harness.Cluster, node int) {
		c.Stop(node)
		c.Idle(node)
		c.Open(ceremonyOf(t), node)
	},
	"killed and restarted": func(t *testing.T, c *harness.Cluster, node int) {
		c.Kill(node)
		c.Nodes[node].OpenHost()
		c.Idle(node)
		c.Open(ceremonyOf(t), node)
	},
}

var orders = [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

func ceremonyOf(t *testing.T) string { return t.Name() }

func TestOldFailuresFailNoNewAttempt(t *testing.T) {
	for how, back := range waysBack {
		for _, order := range orders {
			t.Run(fmt.Sprint(how, order), func(t *testing.T) {
				c := harness.New(t, 3, harness.With(harness.Patient()))
				c.Idle()
				c.Open(ceremonyOf(t))
				c.Advance(c.All()...)
				c.Nodes[1].Ceremony.Abort(errDisk)
				allFailed(c, c.All()...)

				for i, node := range order {
					back(t, c, node)
					meet(c, order[:i+1])
					goesOn(t, c, syncmod.Connecting, order[:i+1]...)
				}

				c.Advance(c.All()...)
				c.Complete(c.All()...)
			})
		}
	}
}

func TestManyAttemptsOnTheSameNodes(t *testing.T) {
	config := strict()
	config.PeerTimeout = 8 * time.Second // libp2p pauses 5 s after a failed dial
	c := harness.New(t, 3, harness.With(config))
	c.Idle()
	for _, fail := range []func(){
		func() { c.Nodes[0].Ceremony.Abort(errDisk) },
		func() { require.NoError(t, c.Nodes[1].Ceremony.Close(c.Context())) },
		func() { c.Nodes[2].CloseHost() }, // for longer than a member may be gone
	} {
		c.Open(ceremonyOf(t))
		c.Advance(c.All()...)
		c.Advance(c.All()...)
		fail()
		allFailed(c, c.All()...)
		closeAll(t, c)
	}
	c.Nodes[2].OpenHost()
	c.Stop(2)
	c.Idle(2)

	c.Open(ceremonyOf(t))
	c.Advance(c.All()...)
	c.Complete(c.All()...)
}

func TestOneOfTwoCeremoniesFails(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, c *harness.Cluster){
		"aborted": func(_ *testing.T, c *harness.Cluster) { c.Nodes[1].Ceremony.Abort(errDisk) },
		"closed by one": func(t *testing.T, c *harness.Cluster) {
			require.NoError(t, c.Nodes[1].Ceremony.Close(c.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3)
			c.Idle()
			c.Open("the one that goes on")
			c.Advance(c.All()...)
			going := []*syncmod.Ceremony{c.Nodes[0].Ceremony, c.Nodes[1].Ceremony, c.Nodes[2].Ceremony}
			c.Open("the one that fails")
			c.Advance(c.All()...)

			fail(t, c)
			for _, i := range []int{0, 2} {
				require.Equal(t, 1, harness.Culprit(t, c.Failure(i)).Index)
			}
			closeAll(t, c)

			for i, ceremony := range going {
				c.Nodes[i].Ceremony = ceremony
			}
			goesOn(t, c, syncmod.Running, c.All()...)
			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

// meet waits until nodes are connected to each other.
func meet(c *harness.Cluster, nodes []int) {
	if len(nodes) == 1 {
		<-time.After(50 * time.Millisecond) // gives leftovers of earlier attempts time to arrive
	}
	for _, i := range nodes {
		for _, j := range nodes {
			if i != j {
				c.Until(i, connected(j))
			}
		}
	}
}
