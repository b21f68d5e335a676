package syncmod_test

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// newCeremonies opens a ceremony on n nodes and brings all of them past the
// barrier of step 1.
func newCeremonies(t testing.TB, n int) ([]*harness.Node, []*syncmod.Ceremony) {
	t.Helper()
	nodes, def := newCluster(t, n, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	advance(t, ceremonies)
	return nodes, ceremonies
}

// advance lets all nodes pass the next barrier.
func advance(t testing.TB, ceremonies []*syncmod.Ceremony) {
	t.Helper()
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error {
		_, err := c.Advance(ctx)
		return err
	})
}

func connect(t testing.TB, ceremonies []*syncmod.Ceremony) {
	t.Helper()
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
}

// run runs a whole ceremony of one step on all nodes.
func run(t testing.TB, ceremonies []*syncmod.Ceremony) {
	t.Helper()
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error {
		return c.Run(ctx, syncmod.Step{Name: "only"})
	})
}

func closeAll(t testing.TB, ceremonies []*syncmod.Ceremony) {
	t.Helper()
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Close(ctx) })
}

// without returns all elements but one.
func without[T any](all []T, i int) []T { return slices.Delete(slices.Clone(all), i, i+1) }

func TestADeadMemberIsNamed(t *testing.T) {
	nodes, ceremonies := newCeremonies(t, 4)

	elapsed := harness.Stopwatch(t)
	require.NoError(t, nodes[2].Host.Close())

	noticed := 0
	for _, c := range without(ceremonies, 2) {
		err := harness.Failure(t, c)
		require.Equal(t, 2, harness.Culprit(t, err).Index)
		if errors.Is(err, syncmod.ErrPeerTimeout) {
			noticed++
			continue
		}
		require.ErrorIs(t, err, syncmod.ErrPeerAborted) // another member noticed it first
		require.ErrorContains(t, err, "operator 2 (carol) ")
	}
	require.Positive(t, noticed)
	require.Less(t, elapsed(), harness.Fast().PeerTimeout+time.Second)
}

func TestAnAbortIsKnownAtOnce(t *testing.T) {
	nodes, def := newCluster(t, 4, harness.Fast())
	var took []time.Duration
	for round := range 7 {
		ceremonies := harness.Open(t, nodes, def)
		advance(t, ceremonies)
		who := round % len(nodes)

		elapsed := harness.Stopwatch(t)
		ceremonies[who].Abort(errors.New("the disk is full"))

		for _, c := range without(ceremonies, who) {
			err := harness.Failure(t, c)
			require.ErrorIs(t, err, syncmod.ErrPeerAborted)
			require.Equal(t, who, harness.Culprit(t, err).Index)
			require.ErrorContains(t, err, "the disk is full")
		}
		took = append(took, elapsed())
		require.ErrorIs(t, ceremonies[who].Err(), syncmod.ErrAborted)
		closeAll(t, ceremonies)
	}
	slices.Sort(took)
	require.Less(t, took[len(took)/2], 500*time.Millisecond)
}

func TestANodeThatLeavesEarlyIsAwaited(t *testing.T) {
	cfg := harness.Fast()
	cfg.Heartbeat = time.Millisecond // so that a request is always on its way
	nodes, def := newCluster(t, 3, cfg)
	staying := harness.Open(t, nodes[:2], def)
	for range 10 {
		leaving := harness.Open(t, nodes[2:], def)
		connect(t, append(slices.Clone(staying), leaving...))

		closeAll(t, leaving)

		require.ErrorIs(t, leaving[0].Err(), syncmod.ErrStopped)
	}
	back := harness.Open(t, nodes[2:], def)
	run(t, append(slices.Clone(staying), back...))
}

func TestANodeThatLeavesLateIsNamed(t *testing.T) {
	_, ceremonies := newCeremonies(t, 3)

	require.NoError(t, ceremonies[1].Close(harness.Within(t)))

	require.ErrorIs(t, ceremonies[1].Err(), syncmod.ErrStopped)
	for _, c := range without(ceremonies, 1) {
		err := harness.Failure(t, c)
		require.ErrorIs(t, err, syncmod.ErrPeerAborted)
		require.Equal(t, 1, harness.Culprit(t, err).Index)
		require.ErrorContains(t, err, "was stopped before the ceremony was complete")
	}
}

func TestEveryWaitEndsWithTheFailure(t *testing.T) {
	disk := errors.New("the disk is full")
	for name, wait := range map[string]func(context.Context, *syncmod.Ceremony) error{
		"AwaitConnected": func(ctx context.Context, c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) },
		"Advance":        func(ctx context.Context, c *syncmod.Ceremony) error { _, err := c.Advance(ctx); return err },
		"AwaitStep":      func(ctx context.Context, c *syncmod.Ceremony) error { return c.AwaitStep(ctx, 1) },
		"Complete":       func(ctx context.Context, c *syncmod.Ceremony) error { return c.Complete(ctx) },
		"Run":            func(ctx context.Context, c *syncmod.Ceremony) error { return c.Run(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			ctx := harness.Within(t)
			waiting := make(chan error, 1)
			go func() { waiting <- wait(ctx, s.ceremony) }()
			s.ceremony.Abort(disk)

			require.Equal(t, s.ceremony.Err(), harness.Next(t, waiting))
			require.ErrorIs(t, s.ceremony.Err(), disk)
			require.ErrorIs(t, s.ceremony.Err(), syncmod.ErrAborted)
			require.Equal(t, s.ceremony.Err(), wait(ctx, s.ceremony)) // a wait that begins later gets it too
		})
	}
}

func TestAFailureCancelsTheWork(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	ctx, cancel := s.ceremony.Context(context.Background())
	defer cancel()

	s.ceremony.Abort(errors.New("the disk is full"))

	harness.Next(t, ctx.Done())
	require.Equal(t, s.ceremony.Err(), context.Cause(ctx))
	later, cancelLater := s.ceremony.Context(context.Background())
	defer cancelLater()
	require.Equal(t, s.ceremony.Err(), context.Cause(later))
}

func TestTheFirstCauseWins(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	first, second := errors.New("first"), errors.New("second")

	s.ceremony.Abort(first)
	s.ceremony.Abort(second)

	require.ErrorIs(t, s.ceremony.Err(), first)
	require.NotErrorIs(t, s.ceremony.Err(), second)
}

func TestWatchEndsWithTheFailure(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	seen := watch(t, s.ceremony, func(syncmod.Status) bool { return false })

	s.ceremony.Abort(errors.New("the disk is full"))

	all := harness.Next(t, seen)
	last := all[len(all)-1]
	require.Equal(t, syncmod.Failed, last.Phase)
	require.Equal(t, s.ceremony.Err(), last.Err)
	for _, before := range all[:len(all)-1] {
		require.Equal(t, syncmod.Connecting, before.Phase)
	}
}

func TestDifferentDefinitionsAreShown(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	other := def
	other.Hash = harness.Define("another").Hash

	ceremonies := append(harness.Open(t, nodes[:1], def), harness.Open(t, nodes[1:], other)...)

	for i, open := range []syncmod.Definition{other, def} { // the definition that is open at the other node
		harness.Until(t, ceremonies[i], func(s syncmod.Status) bool {
			return strings.Contains(s.Peers[0].Waiting, hex.EncodeToString(open.Hash[:8]))
		})
		err := ceremonies[i].AwaitConnected(briefly(t))
		require.ErrorContains(t, err, "it has another definition open: ")
		require.ErrorContains(t, err, hex.EncodeToString(open.Hash[:8]))
		require.NoError(t, ceremonies[i].Err())
	}
}

// curious is an error whose text and unwrapping depend on the ceremony.
type curious struct{ ceremony *syncmod.Ceremony }

func (e curious) Error() string { return "in phase " + e.ceremony.Status().Phase.String() }
func (e curious) Is(error) bool { return e.ceremony.Status().Phase < syncmod.Connecting }

func TestAReasonMayCallTheCeremony(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)

	s.ceremony.Abort(curious{s.ceremony})

	require.ErrorContains(t, s.ceremony.Err(), "in phase connecting")
}

func TestAForeignVersionIsSeen(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	bob.Open(t, s.Host).Say(t, bob.Request(t, s.def, harness.Version("v1.9")))

	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrVersionMismatch)

	require.Equal(t, "v1.9", s.ceremony.Status().Peers[0].Version)
}
