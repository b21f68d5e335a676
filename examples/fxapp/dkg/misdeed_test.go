package dkg

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// bob is the member that misbehaves among alice, bob and carol. He keeps in step with the others.
const alice, bob, carol = 0, 1, 2

// misdeed changes bob's steps.
type misdeed func(a *attempt, steps []syncmod.Step) []syncmod.Step

// inStep makes bob misbehave and still keep in step, whatever his own node finds.
func (m misdeed) inStep(a *attempt, steps []syncmod.Step) []syncmod.Step {
	steps = m(a, steps)
	for i, step := range steps {
		steps[i].Run = func(ctx context.Context) error {
			_ = step.Run(ctx)
			return nil
		}
	}
	return steps
}

// handling replaces the handler of a phase at bob's host.
func handling(p phase, handler func(a *attempt, s network.Stream)) misdeed {
	return func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		a.generator.host.SetStreamHandler(protocols[p], func(s network.Stream) { handler(a, s) })
		return steps
	}
}

// saying makes bob's host answer in a phase with the text.
func saying(p phase, text func(a *attempt, to peer.ID) []byte) misdeed {
	return handling(p, func(a *attempt, s network.Stream) {
		_, _ = s.Write(text(a, s.Conn().RemotePeer()))
		_ = s.Close()
	})
}

// signing makes bob change his message of a phase and sign it again. His own node goes
// on with the changed message.
func signing[B body](p phase, empty B, change func(a *attempt, b B)) misdeed {
	return func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		resign := func() error {
			b, err := honest(a, p, empty)
			if err != nil {
				return err
			}
			change(a, b)
			return a.serve(p, b)
		}
		return afterPhase(p, steps, resign)
	}
}

// complaining makes bob complain about a dealer.
func complaining(dealer int) misdeed {
	return signing(responses, new(responseBody), func(_ *attempt, b *responseBody) { b.Complaints = []int{dealer} })
}

// afterPhase returns steps that call the function then, once the message of a phase
// has been made.
func afterPhase(p phase, steps []syncmod.Step, then func() error) []syncmod.Step {
	if p == keyPhase {
		if err := then(); err != nil {
			panic(err)
		}
		return steps
	}
	step := &steps[p-1]
	work := step.Run
	step.Run = func(ctx context.Context) error {
		if err := work(ctx); err != nil {
			return err
		}
		return then()
	}
	return steps
}

// honest returns the body that bob's node made in a phase.
func honest[B body](a *attempt, p phase, into B) (B, error) {
	var m message
	err := json.Unmarshal(a.generator.message(a, p), &m)
	return into, errors.Join(err, json.Unmarshal(m.Body, into))
}

// mustFail runs a ceremony in which bob misbehaves. It requires that alice and
// carol fail with the sentence, and that at least one of them blames bob.
func mustFail(t *testing.T, misdeed misdeed, sentence string) {
	t.Helper()
	mustFailWithin(t, fetchTimeout, misdeed, sentence)
}

// mustFailWithin is like mustFail, with another timeout for messages.
func mustFailWithin(t *testing.T, timeout time.Duration, misdeed misdeed, sentence string) {
	t.Helper()
	require.NotNil(t, blames(t, timeout, misdeed, sentence))
}

// blames does what mustFailWithin does, but also accepts that no error blames bob. It
// requires that no error blames another member. It returns an error that blames bob, if there is
// one.
func blames(t *testing.T, timeout time.Duration, misdeed misdeed, sentence string) (found *MemberError) {
	t.Helper()
	c := newCluster(t, 3)
	for _, n := range c.nodes {
		n.generator.timeout = timeout
	}
	c.nodes[bob].change = misdeed.inStep
	errs := c.runAll()
	for _, i := range []int{alice, carol} {
		require.ErrorContains(t, errs[i], sentence, harness.Name(i))
		if e, ok := errors.AsType[*MemberError](errs[i]); ok {
			found = e
			require.Equal(t, bob, found.Index, found)
			require.Equal(t, c.nodes[bob].host.ID(), found.Peer.ID)
		}
		require.Empty(t, c.nodes[i].files(), "a failed attempt leaves nothing")
	}
	return found
}
