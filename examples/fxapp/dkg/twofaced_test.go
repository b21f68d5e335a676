package dkg

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAMemberWithTwoKeysIsNamed(t *testing.T) {
	two := func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		first := a.generator.message(a, keyPhase)
		if err := a.begin(); err != nil {
			panic(err)
		}
		second := a.generator.message(a, keyPhase)
		return saying(keyPhase, toAlice(first, second))(a, steps)
	}
	c := newCluster(t, 3)
	c.nodes[bob].change = misdeed(two).inStep
	errs := c.runAll()
	for _, i := range []int{alice, carol} {
		require.ErrorContains(t, errs[i], "operator 1 (bob) gave this node ", harness.Name(i))
	}
}

// twoDeals makes bob sign two deals in one attempt, the first of them for alice.
func twoDeals(a *attempt, steps []syncmod.Step) []syncmod.Step {
	work := steps[0].Run
	steps[0].Run = func(ctx context.Context) error {
		if err := work(ctx); err != nil {
			return err
		}
		first := a.generator.message(a, deals)
		if err := work(ctx); err != nil {
			return err
		}
		saying(deals, toAlice(first, a.generator.message(a, deals)))(a, nil)
		return nil
	}
	return steps
}

// twoDealsHidden is [twoDeals], but bob tells alice that the deal she got is the only one.
func twoDealsHidden(a *attempt, steps []syncmod.Step) []syncmod.Step {
	var first []byte
	work := steps[0].Run
	steps[0].Run = func(ctx context.Context) error {
		err := work(ctx)
		if first == nil {
			first = a.generator.message(a, deals)
		}
		return err
	}
	return afterPhase(responses, twoDeals(a, steps), func() error {
		others := a.generator.message(a, responses)
		b, err := honest(a, responses, new(responseBody))
		if err != nil {
			return err
		}
		if b.Deals[bob], err = a.open(deals, bob, first, new(dealBody)); err != nil {
			return err
		}
		hers, err := a.make(responses, b)
		saying(responses, toAlice(hers, others))(a, nil)
		return err
	})
}

// toAlice returns one message for alice, and another for everyone else.
func toAlice(hers, others []byte) func(*attempt, peer.ID) []byte {
	return func(a *attempt, to peer.ID) []byte {
		if to == a.members[alice].ID {
			return hers
		}
		return others
	}
}

func TestAMemberWithTwoDealsIsNamed(t *testing.T) {
	mustFail(t, twoDeals, "operator 1 (bob) cheats: it gave this node ")
	mustFail(t, twoDealsHidden, "operator 1 (bob) cheats: it gave this node and operator ")
}
