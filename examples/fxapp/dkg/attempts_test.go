package dkg

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// once lets bob misbehave in the first attempt only.
func once(m misdeed) misdeed {
	attempts := 0
	return func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		if attempts++; attempts > 1 {
			for p := range phases {
				a.generator.host.SetStreamHandler(protocols[p], a.generator.handle(p))
			}
			return steps
		}
		return m(a, steps)
	}
}

func TestAnotherAttemptMayComplete(t *testing.T) {
	complaint := complaining(carol)
	threshold := signing(keyPhase, new(keyBody), func(_ *attempt, b *keyBody) { b.Threshold = 2 })
	garbled := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) { b.Shares[carol][60] ^= 1 })
	// Bob's own error is not in the last step: there, the others may already have a
	// share, which they would keep because it counts once they have a receipt.
	own := misdeed(func(_ *attempt, steps []syncmod.Step) []syncmod.Step {
		steps[1].Run = func(context.Context) error { return errors.New("out of coffee") }
		return steps
	})
	for name, m := range map[string]misdeed{
		"a complaint": complaint, "another threshold": threshold, "a garbled share": garbled,
		"an error of its own": own,
	} {
		t.Run(name, func(t *testing.T) {
			c := clusterWith(t, config(3), 3)
			c.nodes[bob].change = once(m)

			requireOneKey(t, c.complete())

			for _, n := range c.nodes {
				require.Equal(t, []string{receiptName, shareName}, n.files(), "nothing of the first attempt is left")
				require.Contains(t, n.log.String(), "attempt", harness.Name(n.index))
			}
		})
	}
}

func TestTwoDealsEndTheAttempts(t *testing.T) {
	for name, m := range map[string]misdeed{"told": twoDeals, "hidden": twoDealsHidden} {
		t.Run(name, func(t *testing.T) {
			c := clusterWith(t, config(3), 3)
			c.nodes[bob].change = m.inStep
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			errs := make([]error, 3)
			var wg sync.WaitGroup
			for i, n := range c.nodes {
				wg.Go(func() {
					_, errs[i] = n.run(ctx)
					cancel() // the others wait for the node that found the cheat
				})
			}
			wg.Wait()
			found := 0
			for _, err := range errs {
				if e, ok := errors.AsType[*MemberError](err); ok {
					require.Equal(t, bob, e.Index)
					require.NotContains(t, err.Error(), "attempt ", "it begins no other attempt")
					found++
				}
			}
			require.NotZero(t, found, "%v", errs)
		})
	}
}

func TestARestartedNodeJoinsAgain(t *testing.T) {
	for p := range phases {
		t.Run("in the phase of "+p.String()+"s", func(t *testing.T) {
			conf := config(5)
			c := clusterWith(t, conf, 3)
			reached := make(chan struct{})
			c.nodes[bob].change = func(_ *attempt, steps []syncmod.Step) []syncmod.Step {
				work := steps[p].Run
				steps[p].Run = func(ctx context.Context) error {
					err := work(ctx)
					close(reached)
					<-ctx.Done() // the node dies in this step
					return err
				}
				return steps
			}
			ctx := within(t)
			var wg sync.WaitGroup
			for _, i := range []int{alice, carol} {
				wg.Go(func() {
					_, err := c.nodes[i].run(ctx)
					require.NoError(t, err, harness.Name(i))
				})
			}
			dead := make(chan struct{})
			go func() {
				defer close(dead)
				_, _ = c.nodes[bob].run(ctx)
			}()
			harness.Next(t, reached)
			c.nodes[bob].die()
			harness.Next(t, dead)
			c.nodes[bob].change = nil
			c.nodes[bob].rise(conf)
			_, err := c.nodes[bob].run(ctx)
			require.NoError(t, err)
			wg.Wait()
			requireOneKey(t, c.shares())
			for _, n := range c.nodes {
				files := slices.DeleteFunc(n.files(), isSuperseded) // from the attempt in which bob died
				require.Equal(t, []string{receiptName, shareName}, files)
			}
		})
	}
}

func TestAnOldMessageIsRefused(t *testing.T) {
	for _, p := range []phase{deals, responses} {
		t.Run(p.String(), func(t *testing.T) {
			c := clusterWith(t, config(2), 3)
			var old []byte
			c.nodes[bob].change = func(a *attempt, steps []syncmod.Step) []syncmod.Step {
				if old != nil {
					assert.Nil(t, a.generator.message(a, p), "nothing of the first attempt is served")
					return saying(p, func(*attempt, peer.ID) []byte { return old }).inStep(a, steps)
				}
				return afterPhase(p, steps, func() error {
					old = a.generator.message(a, p)
					return errors.New("again")
				})
			}
			errs := c.runAll()
			for _, i := range []int{alice, carol} {
				require.ErrorContains(t, errs[i], "attempt 2: ")
				require.ErrorContains(t, errs[i], "operator 1 (bob) gave ")
			}
		})
	}
}
