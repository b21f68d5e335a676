package hostile_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// atLast returns dave's request at the last barrier. It attests the result, or nothing if the
// result is empty.
func (m *member) atLast(t testing.TB, to int, result string) *syncpb.SyncRequest {
	t.Helper()
	says := []harness.Saying{step(2)}
	if result != "" {
		says = append(says, m.self.Attesting(t, m.Definition(to, m.about), []byte(result)))
	}
	return m.requestTo(t, to, says...)
}

// complete makes the honest members attest a result, go to the last barrier and say
// goodbye. The returned function ends the waits of the honest members, and returns
// their errors.
func (m *member) complete(t testing.TB, result string) (end func() map[int]error) {
	t.Helper()
	for _, i := range honest {
		require.NoError(t, m.Nodes[i].Ceremony.Attest([]byte(result)))
	}
	ctx, cancel := context.WithCancel(m.Context())
	errs := make(map[int]error)
	var (
		mu      sync.Mutex
		running sync.WaitGroup
	)
	for _, i := range honest {
		running.Go(func() {
			err := m.Nodes[i].Ceremony.Complete(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs[i] = err
		})
	}
	end = func() map[int]error {
		cancel()
		running.Wait()
		return errs
	}
	t.Cleanup(func() { end() })
	return end
}

func hasReceipt(c *syncmod.Ceremony) func(syncmod.Status) bool {
	return func(syncmod.Status) bool { return c.Receipt() != nil }
}

// This is the only way in which attested results can split the members. See
// docs/guarantees.md, "Results that differ".
func TestTwoResultsCanSplitTheMembers(t *testing.T) {
	m := running(t, impatient(), session)
	end := m.complete(t, "the key")

	m.insist(t, alice, m.atLast(t, alice, "the key"))
	m.Until(alice, hasReceipt(m.Nodes[alice].Ceremony))
	_, _ = m.open(t, bob).Exchange(m.atLast(t, bob, "another"))

	for _, i := range []int{bob, carol} {
		err := m.Failure(i)
		require.ErrorIs(t, err, syncmod.ErrResultMismatch, harness.Name(i))
		require.ErrorContains(t, err, "operator 3 (dave) attests 616e6f74…", "the report says who attests what")
		require.Nil(t, m.Nodes[i].Ceremony.Receipt())
	}
	end()
	succeeded := m.Nodes[alice].Ceremony
	require.NoError(t, succeeded.Err())
	require.Equal(t, syncmod.Complete, succeeded.Status().Phase)
	receipt := succeeded.Receipt()
	require.NoError(t, receipt.Verify(), "it has what dave signed for alice")
	require.Equal(t, "the key", string(receipt.Members[dave].Result))
}

func TestAnotherResultFailsEveryone(t *testing.T) {
	for name, result := range map[string]string{"another": "another", "none": ""} {
		t.Run(name, func(t *testing.T) {
			m := running(t, impatient(), session)
			m.complete(t, "the key")

			for _, i := range honest {
				_, _ = m.open(t, i).Exchange(m.atLast(t, i, result)) // some nodes know of it already
			}

			for _, i := range honest {
				err := m.Failure(i)
				require.ErrorIs(t, err, syncmod.ErrResultMismatch, harness.Name(i))
				require.Regexp(t, `operator 3 \(dave\) attests (616e6f74…|nothing)`, err.Error())
				_, blames := errors.AsType[*syncmod.PeerError](err)
				require.False(t, blames)
			}
		})
	}
}

func TestAFalseMismatchIsAttributed(t *testing.T) {
	m := running(t, impatient(), session)

	s := m.open(t, alice)
	s.Accepted(t, m.request(t))
	s.Say(t, m.request(t, harness.Attested([]byte{}, nil),
		abort("bob attests aa, carol attests bb", m.Nodes[bob].ID())))

	for _, i := range honest {
		err := m.Failure(i)
		require.ErrorIs(t, err, syncmod.ErrResultMismatch, harness.Name(i))
		require.Regexp(t, `operator 3 \(dave\): "bob attests aa, carol attests bb"`, err.Error())
	}
}
