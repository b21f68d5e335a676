package syncmod_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// retrying returns a configuration in which the attempts follow each other quickly.
func retrying(attempts int) syncmod.Config {
	cfg := harness.Fast()
	cfg.Retry = syncmod.Retry{Attempts: attempts, Pause: 10 * time.Millisecond, PauseMax: 50 * time.Millisecond}
	return cfg
}

// runs holds the runs of one definition on several services.
type runs struct {
	def      syncmod.Definition
	services []*syncmod.Service

	mu       sync.Mutex
	attempts [][]int // by node: the numbers of the attempts that have made steps
	ended    [][]error
}

func newRuns(t *testing.T, n int, cfg syncmod.Config) *runs {
	t.Helper()
	c := harness.New(t, n, harness.With(cfg))
	r := &runs{attempts: make([][]int, n), ended: make([][]error, n)}
	r.def = c.Define(t.Name())
	for _, node := range c.Nodes {
		r.services = append(r.services, harness.StartService(t, node.Host, cfg))
	}
	return r
}

// run runs the ceremony on a node, with the given function as its step.
func (r *runs) run(ctx context.Context, node int, step func(attempt int) error) error {
	_, err := r.services[node].Run(ctx, r.def, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		number := c.Status().Attempt
		r.mu.Lock()
		r.attempts[node] = append(r.attempts[node], number)
		r.mu.Unlock()
		return []syncmod.Step{{Name: "work", Run: func(context.Context) error { return step(number) }}}, nil
	})
	return err
}

// everyone runs the ceremony on all nodes at the same time.
func (r *runs) everyone(t *testing.T, step func(node, attempt int) error) []error {
	t.Helper()
	nodes := make([]int, len(r.services))
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			errs[i] = r.run(harness.Within(t), i, func(attempt int) error { return step(i, attempt) })
		})
	}
	wg.Wait()
	return errs
}

func TestAnotherAttemptMendsAFailure(t *testing.T) {
	r := newRuns(t, 3, retrying(5))

	errs := r.everyone(t, func(node, attempt int) error {
		if node == 1 && attempt < 3 {
			return errors.New("not yet")
		}
		return nil
	})

	require.Equal(t, []error{nil, nil, nil}, errs)
	require.Equal(t, []int{1, 2, 3}, r.attempts[1])
	for _, s := range r.services {
		require.Empty(t, s.Ceremonies(), "nothing stays open")
	}
}

func TestTheConfigLimitsTheAttempts(t *testing.T) {
	r := newRuns(t, 2, retrying(3))

	errs := r.everyone(t, func(int, int) error { return errors.New("never") })

	for node, err := range errs {
		require.ErrorContains(t, err, "attempt 3: ")
		require.Equal(t, []int{1, 2, 3}, r.attempts[node])
	}
}

func TestByDefaultThereIsOneAttempt(t *testing.T) {
	r := newRuns(t, 2, harness.Fast())

	errs := r.everyone(t, func(node, _ int) error {
		if node == 0 {
			return errors.New("no")
		}
		return nil
	})

	require.ErrorIs(t, errs[0], syncmod.ErrAborted)
	require.ErrorIs(t, errs[1], syncmod.ErrPeerAborted)
	require.Equal(t, [][]int{{1}, {1}}, r.attempts)
}

func TestAPermanentErrorEndsTheRun(t *testing.T) {
	r := newRuns(t, 2, retrying(-1))
	cause := errors.New("the key is gone")
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { waits <- r.run(ctx, 1, func(int) error { return nil }) }()

	err := r.run(harness.Within(t), 0, func(int) error { return syncmod.Permanent(cause) })

	require.ErrorIs(t, err, syncmod.ErrAborted)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "the key is gone")
	require.Equal(t, []int{1}, r.attempts[0])
	// The other node begins again, and waits for this node.
	harness.Eventually(t, func() bool {
		open := r.services[1].Ceremonies()
		return len(open) == 1 && open[0].Status().Attempt == 2 && open[0].Status().Phase == syncmod.Connecting
	}, "the other one is in its second attempt")
	cancel()
	var wait *syncmod.WaitError
	other := <-waits
	require.ErrorAs(t, other, &wait)
	require.ErrorIs(t, other, syncmod.ErrStopped)
	require.Equal(t, 0, wait.Missing[0].Index)
}

func TestPermanentOfNilIsNil(t *testing.T) {
	require.NoError(t, syncmod.Permanent(nil))
}

func TestAFailureToMakeStepsIsThisNodesOwn(t *testing.T) {
	r := newRuns(t, 2, retrying(3))
	calls := 0
	done := make(chan error, 1)
	go func() { done <- r.run(harness.Within(t), 1, func(int) error { return nil }) }()

	_, err := r.services[0].Run(harness.Within(t), r.def, func(*syncmod.Ceremony) ([]syncmod.Step, error) {
		if calls++; calls == 1 {
			return nil, errors.New("the share is not there yet")
		}
		return []syncmod.Step{{Name: "work"}}, nil
	})

	require.NoError(t, err)
	require.NoError(t, <-done)
	require.Equal(t, 2, calls)
}

func TestALateErrorIsReturned(t *testing.T) {
	r := newRuns(t, 2, retrying(3))
	other := make(chan error, 1)
	go func() { other <- r.run(harness.Within(t), 1, func(int) error { return nil }) }()

	_, err := r.services[0].Run(harness.Within(t), r.def, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		require.NoError(t, c.Run(harness.Within(t), syncmod.Step{Name: "work"}))
		return nil, errors.New("the file is not written")
	})

	require.ErrorContains(t, err, "the file is not written")
	require.NoError(t, <-other)
}

func TestAPanickingRunLeavesNothingOpen(t *testing.T) {
	c := harness.New(t, 2)
	s := harness.StartService(t, c.Nodes[0].Host, retrying(3))
	def := c.Define(t.Name())
	var failed *syncmod.Ceremony

	require.PanicsWithValue(t, "no share", func() {
		_, _ = s.Run(t.Context(), def, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
			failed = c
			panic("no share")
		})
	})

	require.Empty(t, s.Ceremonies())
	require.ErrorContains(t, failed.Err(), "the run has panicked")
	_, err := s.Open(def)
	require.NoError(t, err)
}

func TestAnImpossibleRetryReturnsBothReasons(t *testing.T) {
	c := harness.New(t, 2)
	h := c.Nodes[0].Host
	s := harness.StartService(t, h, retrying(3))

	_, err := s.Run(t.Context(), c.Define(t.Name()), losesItsKey(h))

	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorIs(t, err, syncmod.ErrAborted)
	require.ErrorContains(t, err, "attempt 2: ")
	require.ErrorContains(t, err, "not yet")
	require.Empty(t, s.Ceremonies())
}

// losesItsKey returns steps that fail in the first attempt, and makes a second
// attempt impossible.
func losesItsKey(h host.Host) makesSteps {
	return func(*syncmod.Ceremony) ([]syncmod.Step, error) {
		h.Peerstore().RemovePeer(h.ID())
		return nil, errors.New("not yet")
	}
}

func TestACancelledPauseReturnsTheFailure(t *testing.T) {
	cfg := retrying(2)
	cfg.Retry.Pause, cfg.Retry.PauseMax = math.MaxInt64, math.MaxInt64
	r := newRuns(t, 2, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- r.run(ctx, 0, func(int) error {
			close(failed)
			return errors.New("the disk is full")
		})
	}()
	go func() { _ = r.run(ctx, 1, func(int) error { return nil }) }()
	<-failed
	require.Error(t, harness.Failure(t, r.services[0].Ceremonies()[0]))

	cancel()

	require.ErrorContains(t, <-done, "the disk is full")
	require.Empty(t, r.services[0].Ceremonies())
}

func TestStopDuringAPauseEndsTheRun(t *testing.T) {
	cfg := retrying(2)
	cfg.Retry.Pause, cfg.Retry.PauseMax = time.Hour, time.Hour
	r := newRuns(t, 2, cfg)
	failed := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- r.run(t.Context(), 0, func(int) error {
			close(failed)
			return errors.New("the disk is full")
		})
	}()
	other, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = r.run(other, 1, func(int) error { return nil }) }()
	<-failed
	require.Error(t, harness.Failure(t, r.services[0].Ceremonies()[0]))

	require.NoError(t, r.services[0].Stop(harness.Within(t)))

	require.ErrorContains(t, <-done, "the disk is full")
}

func TestRunNeedsAStartedService(t *testing.T) {
	c := harness.New(t, 2)
	s, err := syncmod.NewService(c.Nodes[0].Host, retrying(-1), syncmod.WithLogger(harness.Quiet()))
	require.NoError(t, err)
	steps := func(*syncmod.Ceremony) ([]syncmod.Step, error) { return nil, nil }

	_, stopped := s.Run(t.Context(), c.Define("none"), steps)
	require.ErrorIs(t, stopped, syncmod.ErrStopped)

	_, invalid := s.Run(t.Context(), syncmod.Definition{}, steps)
	require.ErrorIs(t, invalid, syncmod.ErrInvalid)

	_, invalid = s.Run(t.Context(), c.Define("none"), nil)
	require.ErrorIs(t, invalid, syncmod.ErrInvalid)
}

func TestRunReturnsTheReceipt(t *testing.T) {
	r := newRuns(t, 2, retrying(2))
	receipts := make([]*syncmod.Receipt, 2)
	var wg sync.WaitGroup
	for i, s := range r.services {
		wg.Go(func() {
			receipt, err := s.Run(harness.Within(t), r.def, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
				return []syncmod.Step{{Name: "work", Run: func(context.Context) error {
					if c.Status().Attempt == 1 && i == 0 {
						return errors.New("not yet")
					}
					return c.Attest([]byte("the group key"))
				}}}, nil
			})
			require.NoError(t, err)
			receipts[i] = receipt
		})
	}
	wg.Wait()

	require.Equal(t, receipts[0], receipts[1])
	require.NoError(t, receipts[0].Verify())
	nothing := func(a syncmod.Attestation) bool { return a.Result == nil }
	require.False(t, slices.ContainsFunc(receipts[0].Members, nothing))
}
