package mixed_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/syncmod"
)

// handlers returns how many stream handlers run in this process.
func handlers() int {
	stacks := make([]byte, 16<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "stream.(*inbound).serve(")
}

// oneStreamEach waits until our nodes serve one stream of each member, and run no other
// handler.
func (c *cluster) oneStreamEach() {
	c.t.Helper()
	for _, i := range c.ours {
		for _, j := range c.theirs {
			from := c.Nodes[j].ID()
			c.eventually(func() bool {
				return len(streams(c.Nodes[i].Host, from, network.DirInbound)) == 1
			}, "one stream")
		}
	}
	want := len(c.ours) * (len(c.Nodes) - 1)
	c.eventually(func() bool { return handlers() == want }, "one handler for each stream")
}

func TestPeersReopenStreamsThatWereReset(t *testing.T) {
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		for range 5 {
			for _, i := range c.ours {
				for _, j := range c.theirs {
					before := c.refs[j].Streams(c.Nodes[i].ID())
					c.reset(i, j)
					c.eventually(func() bool { return c.refs[j].Streams(c.Nodes[i].ID()) > before }, "it reopens")
				}
			}
			c.advance(c.All()...)
		}

		c.oneStreamEach()
		c.finish(c.All()...)
	})
}

// reset resets the streams that one node serves for another node.
func (c *cluster) reset(at, of int) {
	for _, s := range streams(c.Nodes[at].Host, c.Nodes[of].ID(), network.DirInbound) {
		_ = s.Reset()
	}
}

func TestOurNodesReopenResetStreams(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		for round := range 3 {
			for _, j := range c.theirs {
				for _, i := range c.ours {
					c.reset(j, i)
				}
			}
			for _, i := range c.ours {
				c.Until(i, func(s syncmod.Status) bool {
					for _, p := range s.Peers {
						if c.refs[p.Index] != nil && p.Reconnects <= round {
							return false
						}
					}
					return true
				})
			}
			c.advance(c.All()...)
		}

		c.finish(c.All()...)
	})
}

func TestOurNodesEndAReplacedStream(t *testing.T) {
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		for range 5 {
			for _, i := range c.ours {
				for _, j := range c.theirs {
					before := c.refs[j].Streams(c.Nodes[i].ID())
					c.refs[j].Reopen(c.Nodes[i].ID())
					c.eventually(func() bool {
						return c.refs[j].Streams(c.Nodes[i].ID()) > before
					}, "it opens another one")
				}
			}
			c.advance(c.All()...)
		}

		c.oneStreamEach()
		for _, i := range c.ours {
			for _, p := range c.Nodes[i].Ceremony.Status().Peers {
				require.True(t, p.Inbound, p.Peer.Name)
			}
		}
		c.finish(c.All()...)
	})
}
