package mixed_test

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/syncmod"
)

// triedAll waits until our nodes have tried in vain to reach each of the others.
func (c *cluster) triedAll() {
	c.t.Helper()
	for _, i := range c.ours {
		c.Until(i, func(s syncmod.Status) bool {
			for _, p := range s.Peers {
				if c.refs[p.Index] != nil && p.LastError == nil {
					return false
				}
			}
			return true
		})
	}
}

func TestOurNodesMayStartFirst(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.Start(c.ours...)
		c.triedAll()
		for _, i := range c.theirs {
			c.refs[i].Serve()
		}
		for _, i := range c.theirs {
			c.refs[i].Dial()
		}

		c.advance(c.All()...)
		c.finish(c.All()...)
	})
}

func TestPeersMayStartFirst(t *testing.T) {
	for _, variant := range []refpeer.Variant{refpeer.CharonLike, refpeer.OlderCharonLike} {
		t.Run(variant.String(), func(t *testing.T) {
			c := newCluster(t, 2, times(2, variant))
			for _, i := range c.theirs {
				c.refs[i].Start()
			}
			for _, i := range c.theirs {
				for _, j := range c.ours {
					c.eventually(func() bool { return c.refs[i].FailedAttempts(c.Nodes[j].ID()) > 1 }, "it tries again")
				}
			}
			c.Start(c.ours...)

			c.advance(c.All()...)
			c.finish(c.All()...)
		})
	}
}

func TestPeersMayWaitForOurNodes(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.Idle(c.ours...) // the handlers exist, but the ceremony does not
		for _, i := range c.theirs {
			c.refs[i].Serve()
		}
		for _, i := range c.theirs {
			c.refs[i].Dial()
		}
		for _, i := range c.theirs {
			for _, j := range c.ours {
				c.eventually(func() bool {
					return len(streams(c.Nodes[j].Host, c.Nodes[i].ID(), network.DirInbound)) > 0
				}, "a stream comes")
			}
		}
		c.Open(t.Name(), c.ours...)

		c.advance(c.All()...)
		c.finish(c.All()...)

		for _, i := range c.theirs { // the streams were held and not reset: no peer has opened a second one
			for _, j := range c.ours {
				require.Equal(t, 1, c.refs[i].Streams(c.Nodes[j].ID()))
			}
		}
	})
}

func TestOurNodesWaitForAPlutoThatGaveUp(t *testing.T) {
	c := newCluster(t, 1, times(1, refpeer.PlutoLike))
	c.refs[1].Start()
	require.ErrorIs(t, c.refs[1].Failure(c.Context()), refpeer.ErrNegotiation)
	c.Start(0)
	c.Until(0, func(s syncmod.Status) bool { return s.Peers[0].Outbound })

	c.reference(1, refpeer.Options{Variant: refpeer.PlutoLike}).Start() // its operator starts it again

	c.advance(0, 1)
	c.finish(0, 1)
}
