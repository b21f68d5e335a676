package dkg

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// short is the timeout in tests that wait in vain. A busy machine still answers within
// it.
const short = 6 * time.Second

func TestAMuteMemberIsNamed(t *testing.T) {
	for p := range phases {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			mute := handling(p, func(_ *attempt, s network.Stream) { _, _ = s.Read(make([]byte, 1)) })
			mustFailWithin(t, short, mute, "operator 1 (bob) gave no "+p.String()+" within 6s: no answer")
		})
	}
}

func TestAnEndlessSenderIsNamed(t *testing.T) {
	t.Parallel()
	slow := handling(deals, func(_ *attempt, s network.Stream) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := s.Write([]byte{' '}); err != nil {
				return
			}
		}
	})
	mustFailWithin(t, short, slow, "operator 1 (bob) gave no deal within 6s: no answer")
}

func TestAMissingProtocolIsNamed(t *testing.T) {
	t.Parallel()
	without := func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		a.generator.host.RemoveStreamHandler(protocols[keyPhase])
		return steps
	}
	mustFailWithin(t, short, without, "operator 1 (bob) gave no key within 6s: not reached: ")
}

func TestAMemberThatResetsIsNamed(t *testing.T) {
	t.Parallel()
	resets := handling(keyPhase, func(_ *attempt, s network.Stream) { _ = s.Reset() })
	mustFailWithin(t, short, resets, "operator 1 (bob) gave no key within 6s: ")
}

func TestAnIdleMemberIsNamed(t *testing.T) {
	t.Parallel()
	nothing := saying(responses, func(*attempt, peer.ID) []byte { return nil })
	mustFailWithin(t, short, nothing, "operator 1 (bob) gave no response within 6s: it has made none in this attempt")
}

func TestAnOversizedMessageIsRefused(t *testing.T) {
	large := handling(deals, func(_ *attempt, s network.Stream) {
		for { // the message never ends
			if _, err := s.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	})
	mustFail(t, large, "operator 1 (bob) gave a deal of more than 10 KiB")
}

func TestGarbageIsRefused(t *testing.T) {
	for name, garbage := range map[string]string{
		"no JSON":          "\x00\x1b[2J",
		"other JSON":       `[1, 2]`,
		"deeply nested":    `{"body":` + string(make([]byte, 100)),
		"a body of no use": `{"body":"AAAA","signature":"AAAA"}`,
	} {
		t.Run(name, func(t *testing.T) {
			says := saying(keyPhase, func(*attempt, peer.ID) []byte { return []byte(garbage) })
			mustFail(t, says, "operator 1 (bob) gave a key that cannot be read: does it run a different version?")
		})
	}
}

func TestAnothersMessageIsRefused(t *testing.T) {
	for p := range phases {
		t.Run(p.String(), func(t *testing.T) {
			says := func(a *attempt, steps []syncmod.Step) []syncmod.Step {
				return saying(p, func(*attempt, peer.ID) []byte {
					ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
					defer cancel()
					text, _ := a.generator.read(ctx, p, a.members[alice].ID)
					return text
				})(a, steps)
			}
			mustFail(t, says, "operator 1 (bob) gave a "+p.String()+" that it did not sign")
		})
	}
}

func TestAWrongPhaseIsRefused(t *testing.T) {
	says := saying(deals, func(a *attempt, _ peer.ID) []byte { return a.generator.message(a, keyPhase) })
	mustFail(t, says, "operator 1 (bob) gave a deal that it did not sign")
}

func TestAnotherThresholdIsRefused(t *testing.T) {
	t.Run("wanted", func(t *testing.T) {
		two := signing(keyPhase, new(keyBody), func(_ *attempt, b *keyBody) { b.Threshold = 2 })
		mustFail(t, two, "operator 1 (bob) wants 2 of 3 members to sign together, but this node wants 3")
	})
	t.Run("dealt", func(t *testing.T) {
		two := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) { b.Commitments = b.Commitments[:2] })
		mustFail(t, two, "operator 1 (bob) dealt for a threshold of 2, where it must be 3")
	})
}

func TestABadKeyIsRefused(t *testing.T) {
	for name, key := range map[string][]byte{
		"it is not a point":               make([]byte, keySize),
		"it is the point at infinity":     encode(keys().Point().Null()),
		"it is not a point of BLS12-381'": []byte("short"),
	} {
		t.Run(name, func(t *testing.T) {
			none := signing(keyPhase, new(keyBody), func(_ *attempt, b *keyBody) { b.Key = key })
			mustFail(t, none, "operator 1 (bob) gave an invalid key: "+name)
		})
	}
}

func TestABadCommitmentIsRefused(t *testing.T) {
	none := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) {
		b.Commitments[2] = encode(keys().Point().Null())
	})
	mustFail(t, none, "operator 1 (bob) dealt with an invalid commitment: it is the point at infinity")
}

func TestTooFewSharesAreRefused(t *testing.T) {
	few := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) { b.Shares = b.Shares[:2] })
	mustFail(t, few, "operator 1 (bob) dealt 2 shares to 3 members")
}

func TestAWrongShareIsRefused(t *testing.T) {
	for name, change := range map[string]func(b *dealBody){
		"garbled":        func(b *dealBody) { b.Shares[carol][60] ^= 1 },
		"missing":        func(b *dealBody) { b.Shares[carol] = nil },
		"another's":      func(b *dealBody) { b.Shares[carol] = b.Shares[alice] },
		"other constant": func(b *dealBody) { b.Commitments[1] = encode(keys().Point().Base()) },
	} {
		t.Run(name, func(t *testing.T) {
			unfit := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) { change(b) })
			mustFail(t, unfit, "operator 1 (bob) dealt this node a share that does not match its commitments")
		})
	}
}

func TestACopiedKeyIsRefused(t *testing.T) {
	copies := func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		return saying(keyPhase, func(*attempt, peer.ID) []byte {
			ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
			defer cancel()
			text, _ := a.generator.read(ctx, keyPhase, a.members[alice].ID)
			b := new(keyBody)
			if _, err := a.open(keyPhase, alice, text, b); err != nil {
				return nil
			}
			own, err := honest(a, keyPhase, new(keyBody))
			if err != nil {
				return nil
			}
			own.Key = b.Key
			text, _ = a.make(keyPhase, own)
			return text
		})(a, steps)
	}
	_ = blames(t, fetchTimeout, copies, "gave the same key")
}

// The owner of the key has a higher operator index than the member that copies it.
func TestTheOwnerOfACopyIsNotBlamed(t *testing.T) {
	copies := func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		text, _ := a.fetch(ctx, keyPhase, carol)
		hers := new(keyBody)
		if _, err := a.open(keyPhase, carol, text, hers); err == nil {
			hers.Nonce = []byte("another one")
			_ = a.serve(keyPhase, hers)
		}
		return steps
	}
	_ = blames(t, fetchTimeout, copies, "gave the same key")
}

func TestACopiedDealIsRefused(t *testing.T) {
	copies := signing(deals, new(dealBody), func(a *attempt, b *dealBody) {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		text, _ := a.fetch(ctx, deals, alice)
		theirs := new(dealBody)
		if _, err := a.open(deals, alice, text, theirs); err == nil {
			b.Commitments = theirs.Commitments
		}
	})
	_ = blames(t, fetchTimeout, copies, "gave the same deal")
}

func TestAComplaintNamesBoth(t *testing.T) {
	mustFail(t, complaining(carol),
		"operator 1 (bob) complains about the deal of operator 2 (carol): one of them is at fault")
}

func TestAComplaintNeedsADealer(t *testing.T) {
	mustFail(t, complaining(7), "operator 1 (bob) complains about operator 7, who does not exist")
}

func TestAComplaintFailsEveryone(t *testing.T) {
	complains := saying(responses, func(a *attempt, to peer.ID) []byte {
		b, err := honest(a, responses, new(responseBody))
		if err != nil {
			return nil
		}
		if to == a.members[alice].ID {
			b.Complaints = []int{carol}
		}
		text, _ := a.make(responses, b)
		return text
	})
	c := newCluster(t, 3)
	c.nodes[bob].change = complains.inStep
	errs := c.runAll()
	for _, err := range errs {
		require.ErrorContains(t, err, "operator 1 (bob) complains about the deal of operator 2 (carol)")
	}
}

func TestAnUnsignedDealProvesNothing(t *testing.T) {
	lies := signing(responses, new(responseBody), func(_ *attempt, b *responseBody) { b.Deals[carol].Digest[0] ^= 1 })
	mustFail(t, lies, "operator 1 (bob) says that it was given a deal by operator 2 (carol), which did not sign it")
}

func TestAnUnsignedKeyProvesNothing(t *testing.T) {
	lies := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) { b.Keys[carol].Digest[0] ^= 1 })
	mustFail(t, lies, "operator 1 (bob) says that it was given a key by operator 2 (carol), which did not sign it")
}

func TestASecretiveMemberIsNamed(t *testing.T) {
	silent := signing(responses, new(responseBody), func(_ *attempt, b *responseBody) { b.Deals = nil })
	mustFail(t, silent, "operator 1 (bob) does not say which deals it was given")
}

func TestAnOldDealIsRefused(t *testing.T) {
	other := signing(deals, new(dealBody), func(_ *attempt, b *dealBody) { b.Attempt = make([]byte, 32) })
	mustFail(t, other, "operator 1 (bob) gave a deal from another attempt")
}

func TestAnOldResponseIsRefused(t *testing.T) {
	other := signing(responses, new(responseBody), func(_ *attempt, b *responseBody) { b.Attempt = make([]byte, 32) })
	mustFail(t, other, "operator 1 (bob) gave a response from another attempt")
}
