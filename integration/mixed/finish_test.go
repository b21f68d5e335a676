package mixed_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// A going is a call that runs in the background.
type going struct {
	c    *cluster
	done chan error
}

func (c *cluster) begun(f func(ctx context.Context) error) *going {
	g := &going{c: c, done: make(chan error, 1)}
	ctx := c.Context()
	go func() { g.done <- f(ctx) }()
	return g
}

// end waits until the call has returned, and returns its error.
func (g *going) end() error {
	g.c.t.Helper()
	select {
	case err := <-g.done:
		return err
	case <-time.After(harness.Patience):
		require.Fail(g.c.t, "it goes on")
		return nil
	}
}

func (g *going) requireGoesOn() {
	g.c.t.Helper()
	select {
	case err := <-g.done:
		require.Fail(g.c.t, "it has ended", "%v", err)
	default:
	}
}

func (c *cluster) complete(i int) *going { return c.begun(c.Nodes[i].Ceremony.Complete) }

// seen waits until one of our nodes has seen a member at a step.
func (c *cluster) seen(node, member int, step int64) {
	c.t.Helper()
	c.Until(node, func(s syncmod.Status) bool {
		for _, p := range s.Peers {
			if p.Index == member {
				return p.Step == step
			}
		}
		return false
	})
}

func TestAFinishedPeerWaitsForOurNodes(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		early := c.begun(func(context.Context) error { c.finish(c.theirs...); return nil })
		for _, j := range c.theirs {
			c.seen(0, j, 2)
			c.seen(1, j, 2)
		}
		<-time.After(1500 * time.Millisecond) // longer than a heartbeat: nobody gives up
		early.requireGoesOn()

		c.finish(c.ours...)

		require.NoError(t, early.end())
	})
}

func TestOurNodesWaitForALatePeer(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		complete := []*going{c.complete(0), c.complete(1)}
		for _, j := range c.theirs {
			for _, i := range c.ours {
				c.eventually(func() bool { return c.refs[j].Step(c.Nodes[i].ID()) == 2 }, "it hears that we are done")
			}
		}
		<-time.After(1500 * time.Millisecond) // longer than a heartbeat: nobody gives up
		complete[0].requireGoesOn()

		c.finish(c.theirs...)

		require.NoError(t, complete[0].end())
		require.NoError(t, complete[1].end())
	})
}

func TestOurNodesWaitForALateGoodbye(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(2, variant))
		c.begin(1)
		complete := []*going{c.complete(0), c.complete(1)}
		c.advance(c.theirs...) // the last barrier, which they pass without a goodbye
		for _, j := range c.theirs {
			for _, i := range c.ours {
				heard := func() bool { return c.refs[j].SaidGoodbye(c.Nodes[i].ID()) }
				c.eventually(heard, "our goodbye is heard at once")
			}
		}
		complete[0].requireGoesOn()
		complete[1].requireGoesOn()

		c.each(c.theirs, nil, func(ctx context.Context, p *refpeer.Peer) error { return p.Shutdown(ctx) })

		require.NoError(t, complete[0].end())
		require.NoError(t, complete[1].end())
	})
}

func TestAPeerMayGoAfterAllGoodbyes(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		patient := config()
		patient.GoodbyeTimeout = 20 * time.Second
		c := newCluster(t, 2, times(2, variant), harness.With(patient))
		c.begin(1)
		complete := []*going{c.complete(0), c.complete(1)}

		c.finish(c.theirs...)
		for _, j := range c.theirs {
			c.refs[j].Close() // its answers to our goodbyes may be lost with it
			c.Nodes[j].CloseHost()
		}

		require.NoError(t, complete[0].end())
		require.NoError(t, complete[1].end())
	})
}

func TestAMissingGoodbyeIsNamed(t *testing.T) {
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		hasty := config()
		hasty.GoodbyeTimeout = 3 * time.Second
		c := newCluster(t, 2, times(2, variant), harness.With(hasty))
		c.begin(1)
		complete := []*going{c.complete(0), c.complete(1)}
		c.refs[3].SetStep(2)
		c.seen(0, 3, 2)
		c.seen(1, 3, 2)
		c.eventually(func() bool { return c.refs[2].Step(c.Nodes[3].ID()) == 2 }, "everyone hears it")
		c.refs[3].Freeze()

		c.advance(2) // the last member to reach the last barrier
		ctx, cancel := context.WithCancel(c.Context())
		other := c.begun(func(context.Context) error { return c.refs[2].Shutdown(ctx) })

		for i, ours := range complete {
			var missing *syncmod.WaitError
			require.ErrorAs(t, ours.end(), &missing)
			require.Len(t, missing.Missing, 1)
			require.Equal(t, 3, missing.Missing[0].Index)
			require.Equal(t, syncmod.Complete, c.Nodes[i].Ceremony.Status().Phase)
			require.NoError(t, c.Nodes[i].Ceremony.Err())
			require.True(t, c.refs[2].SaidGoodbye(c.Nodes[i].ID()), "the mute peer delays nobody")
		}
		elapsed := harness.Stopwatch(c.t)
		c.Stop(c.ours...)
		require.Less(t, elapsed(), time.Second)
		other.requireGoesOn() // as the reference implementations do
		cancel()
		require.ErrorIs(t, other.end(), context.Canceled)
	})
}
