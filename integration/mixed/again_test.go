package mixed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// oursAgain has our nodes, each of which begins again after a failure.
type oursAgain struct {
	services []*syncmod.Service
	errs     []error
	wg       sync.WaitGroup
}

// runAgain runs the ceremony on our nodes in the background, with one step.
func (c *cluster) runAgain(step func(node, attempt int) error) *oursAgain {
	c.t.Helper()
	cfg := config()
	cfg.Retry = syncmod.Retry{Attempts: -1, Pause: 100 * time.Millisecond, PauseMax: 500 * time.Millisecond}
	r := &oursAgain{errs: make([]error, len(c.ours))}
	ctx := c.Context()
	for _, i := range c.ours {
		r.services = append(r.services, harness.StartService(c.t, c.Nodes[i].Host, cfg))
	}
	for _, i := range c.ours {
		r.wg.Go(func() {
			_, r.errs[i] = r.services[i].Run(ctx, c.Definition(i, c.t.Name()), steps(i, step))
		})
	}
	return r
}

func steps(node int, step func(node, attempt int) error) func(*syncmod.Ceremony) ([]syncmod.Step, error) {
	return func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		attempt := c.Status().Attempt
		return []syncmod.Step{{Name: "work", Run: func(context.Context) error { return step(node, attempt) }}}, nil
	}
}

// end waits until the ceremony is complete on all of our nodes.
func (r *oursAgain) end(t *testing.T) {
	t.Helper()
	r.wg.Wait()
	for _, err := range r.errs {
		require.NoError(t, err)
	}
}

// waitFor waits until all of our nodes are in another attempt and miss a member.
func (r *oursAgain) waitFor(t *testing.T, member int) {
	t.Helper()
	for _, s := range r.services {
		harness.Eventually(t, func() bool {
			open := s.Ceremonies()
			if len(open) == 0 {
				return false
			}
			status := open[0].Status()
			last := status.Peers[len(status.Peers)-1]
			waits := status.Attempt > 1 && status.Phase == syncmod.Connecting
			return waits && last.Index == member && !last.Inbound
		}, "it is in its next attempt, and waits for the reference peer")
	}
}

// startAgain starts a reference peer again whenever it fails, as a supervisor would,
// until it has completed the ceremony.
func (c *cluster) startAgain(i int, variant refpeer.Variant) {
	c.t.Helper()
	ctx := c.Context()
	for {
		c.restartReference(i, variant)
		err := c.refs[i].Run(ctx, 1)
		if err == nil {
			return
		}
		require.NoError(c.t, ctx.Err(), "the last failure: %v", err)
	}
}

// A reference peer ends with its first failure. Our nodes begin again, and wait for it
// until somebody starts it again.
func TestOurNodesWaitForAPeersReturn(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(1, variant))
		c.refs[2].Serve()
		ours := c.runAgain(func(node, attempt int) error {
			if node == 0 && attempt == 1 {
				return errors.New(gaveUp)
			}
			return nil
		})
		c.refs[2].Dial()
		err := c.refs[2].Run(c.Context(), 1)
		require.ErrorIs(t, err, refpeer.ErrRejected)
		require.ErrorContains(t, err, gaveUp)
		c.refs[2].Close() // as its process would end
		c.Nodes[2].CloseHost()
		ours.waitFor(t, 2)

		c.startAgain(2, variant)

		ours.end(t)
	})
}

// A reference peer dies in a step and is started again at once. The others refuse it
// because it restarted, and it ends. It takes part once our nodes have begun again.
func TestARestartedPeerJoinsAgain(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, times(1, variant))
		c.refs[2].Serve()
		died := make(chan struct{})
		ours := c.runAgain(func(_, attempt int) error {
			if attempt == 1 {
				<-died
			}
			return nil
		})
		c.refs[2].Dial()
		require.NoError(t, c.refs[2].Advance(c.Context()))
		c.refs[2].Close()
		c.Nodes[2].CloseHost()
		c.Nodes[2].OpenHost()
		close(died)

		c.startAgain(2, variant)

		ours.end(t)
	})
}
