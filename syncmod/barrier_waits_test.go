package syncmod_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// briefly returns a context that ends soon, for a wait that ends with
// its context.
func briefly(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestAnEndedWaitNamesWhoIsMissing(t *testing.T) {
	s := newScene(t, harness.Fast(), 3)
	s.others[0].Answer()
	s.meet(t, s.others[0], harness.Step(1))
	s.meet(t, s.others[1])
	harness.Until(t, s.ceremony, func(now syncmod.Status) bool { return now.Peers[0].Outbound })

	_, err := s.ceremony.Advance(briefly(t))

	var wait *syncmod.WaitError
	require.ErrorAs(t, err, &wait)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, int64(1), wait.Step)
	require.Len(t, wait.Missing, 2)
	require.Equal(t, []int{2, 3}, []int{wait.Missing[0].Index, wait.Missing[1].Index})
	require.ErrorContains(t, err, "waiting for 2 of 4 at step 1: carol (")
	require.ErrorContains(t, err, "dave (")
	require.NotContains(t, err.Error(), "bob")
}

func TestAwaitConnectedNamesWhoIsMissing(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	s.others[0].Answer()
	s.meet(t, s.others[0])
	harness.Until(t, s.ceremony, func(now syncmod.Status) bool { return now.Peers[0].Outbound })

	err := s.ceremony.AwaitConnected(briefly(t))

	var wait *syncmod.WaitError
	require.ErrorAs(t, err, &wait)
	require.Len(t, wait.Missing, 1)
	require.Equal(t, 2, wait.Missing[0].Index)
	require.ErrorContains(t, err, "waiting for 1 of 3 to connect: carol (")
}

func TestAdvanceRepeatsAStepAfterADeadline(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Answer()
	stream := s.meet(t, bob)
	for range 3 {
		step, err := s.ceremony.Advance(briefly(t))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, int64(1), step)
	}
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1)))

	step, err := s.ceremony.Advance(harness.Within(t))

	require.NoError(t, err)
	require.Equal(t, int64(1), step)
}

func TestStepsAreAnnouncedInOrder(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Answer()
	stream := s.meet(t, bob)

	require.ErrorIs(t, s.ceremony.SetStep(2), syncmod.ErrInvalid)
	require.ErrorIs(t, s.ceremony.SetStep(-1), syncmod.ErrInvalid)
	require.NoError(t, s.ceremony.SetStep(1))
	require.NoError(t, s.ceremony.SetStep(1))                     // the current one again
	require.ErrorIs(t, s.ceremony.SetStep(2), syncmod.ErrInvalid) // the current barrier is not passed yet
	require.ErrorIs(t, s.ceremony.SetStep(0), syncmod.ErrInvalid)
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
	require.NoError(t, s.ceremony.AwaitStep(harness.Within(t), 1))
	require.NoError(t, s.ceremony.SetStep(2))
	require.Equal(t, int64(2), s.ceremony.Status().Step)
}

func TestOnlyTwoStepsCanBeAwaited(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	s.run(t)

	require.NoError(t, s.ceremony.AwaitStep(harness.Within(t), 1))
	require.ErrorIs(t, s.ceremony.AwaitStep(harness.Within(t), 0), syncmod.ErrInvalid)
	require.ErrorIs(t, s.ceremony.AwaitStep(harness.Within(t), 3), syncmod.ErrInvalid)
	require.ErrorIs(t, s.ceremony.AwaitStep(briefly(t), 2), context.DeadlineExceeded)
	require.NoError(t, s.ceremony.SetStep(2))
	require.ErrorIs(t, s.ceremony.AwaitStep(harness.Within(t), 3), syncmod.ErrInvalid)
}

func TestAWaitErrorIsAboutTheAwaitedStep(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	s.meet(t, s.others[0])

	err := s.ceremony.AwaitStep(briefly(t), 1)

	var wait *syncmod.WaitError
	require.ErrorAs(t, err, &wait)
	require.Equal(t, int64(1), wait.Step)
	require.Len(t, wait.Missing, 1)
	require.ErrorContains(t, err,
		"waiting for 1 of 2 at step 1, which this node itself has not announced (call SetStep): bob (")
}

func TestOneAdvanceAtATime(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Answer()
	stream := s.meet(t, bob)
	first := make(chan error, 1)
	ctx := harness.Within(t)
	go func() {
		_, err := s.ceremony.Advance(ctx)
		first <- err
	}()
	harness.Until(t, s.ceremony, func(now syncmod.Status) bool { return now.Step == 1 })

	_, err := s.ceremony.Advance(ctx)

	require.ErrorIs(t, err, syncmod.ErrInvalid)
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
	require.NoError(t, harness.Next(t, first))
}

func TestNothingFollowsTheLastBarrier(t *testing.T) {
	_, ceremonies := newCeremonies(t, 2)
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Complete(ctx) })

	_, err := ceremonies[0].Advance(ctx)

	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorIs(t, ceremonies[0].SetStep(3), syncmod.ErrInvalid)
	require.NoError(t, ceremonies[0].Complete(ctx)) // as often as the caller likes
	require.Equal(t, int64(2), ceremonies[0].Status().Step)
}

func TestAMuteMemberDelaysNoGoodbye(t *testing.T) {
	cfg := harness.Fast()
	cfg.GoodbyeTimeout = 300 * time.Millisecond
	s := newScene(t, cfg, 2)
	streams := s.run(t)
	bob, carol := s.others[0], s.others[1]
	done := make(chan error, 1)
	ctx := harness.Within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	streams[0].Accepted(t, bob.Request(t, s.def, harness.Step(2)))
	streams[0].Accepted(t, bob.Request(t, s.def, harness.Step(2), harness.Goodbye)) // he has heard carol at step 2
	streams[1].Accepted(t, carol.Request(t, s.def, harness.Step(2)))                // carol never says goodbye

	err := harness.Next(t, done)

	var wait *syncmod.WaitError
	require.ErrorAs(t, err, &wait)
	require.Len(t, wait.Missing, 1)
	require.Equal(t, 2, wait.Missing[0].Index)
	require.ErrorContains(t, err, "to say goodbye: carol (")
	require.Equal(t, syncmod.Complete, s.ceremony.Status().Phase)
	require.NoError(t, s.ceremony.Err())
}
