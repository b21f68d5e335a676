package lifecycle_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// deaf returns a task that ignores its context until released.
func deaf() (task func(context.Context) error, release func()) {
	released := make(chan struct{})
	return func(context.Context) error { <-released; return nil }, sync.OnceFunc(func() { close(released) })
}

func TestStopWaitsForItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		ended := false
		require.NoError(t, g.Go("flush", func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(time.Second)
			ended = true
			return nil
		}))

		require.NoError(t, g.Stop(t.Context()))

		require.True(t, ended)
	})
}

func TestStopNamesLateTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		require.NoError(t, g.Go("serve", untilCancelled))
		require.NoError(t, g.Go("dial carol", stuck))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()

		err := g.Stop(ctx)

		var late *lifecycle.StopError
		require.ErrorAs(t, err, &late)
		require.Equal(t, []string{"dial alice", "dial carol"}, late.Tasks)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "tasks that did not end in time: dial alice, dial carol: context deadline exceeded")
		release()
	})
}

func TestStopLeavesTimeForOthers(t *testing.T) {
	for timeout, waits := range map[time.Duration]time.Duration{
		5 * time.Second:  4500 * time.Millisecond,
		15 * time.Second: 14 * time.Second,
	} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := startedGroup(t, nil)
				stuck, release := deaf()
				require.NoError(t, g.Go("dial alice", stuck))
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				begin := time.Now()

				require.ErrorAs(t, g.Stop(ctx), new(*lifecycle.StopError))

				require.Equal(t, waits, time.Since(begin))
				release()
			})
		})
	}
}

func TestStopEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)

		require.ErrorIs(t, g.Stop(ctx), context.Canceled)

		release()
	})
}

func TestStopWithNothingToStopSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		require.NoError(t, g.Go("short", func(context.Context) error { return nil }))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()

		require.NoError(t, g.Stop(ctx))
	})
}

func TestANeedlessStopDoesNothing(t *testing.T) {
	g := lifecycle.NewGroup(nil, nil)
	require.NoError(t, g.Stop(t.Context()))
	g.Start()
	require.NoError(t, g.Stop(t.Context()))
	require.NoError(t, g.Stop(t.Context()))
}

func TestASecondStopGoesOnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, g.Stop(ctx))
		time.AfterFunc(time.Minute, release)
		begin := time.Now()

		require.NoError(t, g.Stop(t.Context()))

		require.GreaterOrEqual(t, time.Since(begin), time.Minute)
	})
}

func TestConcurrentStopsAllWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		time.AfterFunc(time.Minute, release)
		begin := time.Now()

		stopped := make(chan error)
		for range 3 {
			go func() { stopped <- g.Stop(t.Context()) }()
		}

		for range 3 {
			require.NoError(t, <-stopped)
			require.Equal(t, time.Minute, time.Since(begin))
		}
	})
}

func TestStartAfterStopRunsTasksAgain(t *testing.T) {
	g := startedGroup(t, nil)
	for range 2 {
		g.Start()
		ran := make(chan error, 1)
		require.NoError(t, g.Go("serve", func(ctx context.Context) error { ran <- ctx.Err(); return nil }))
		require.NoError(t, <-ran)
		require.NoError(t, g.Stop(t.Context()))
	}
}

func TestStopWaitsForTasksOfEarlierRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := startedGroup(t, nil)
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		ended, end := context.WithCancel(t.Context())
		end()
		require.Error(t, g.Stop(ended))

		g.Start()
		require.NoError(t, g.Go("serve", untilCancelled))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := g.Stop(ctx)

		var late *lifecycle.StopError
		require.ErrorAs(t, err, &late)
		require.Equal(t, []string{"dial alice"}, late.Tasks)
		release()
	})
}

func TestGoAndStopMayRace(t *testing.T) {
	g := startedGroup(t, nil)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for g.Go("work", untilCancelled) == nil {
			}
		})
	}

	require.NoError(t, g.Stop(t.Context()))
	callers.Wait()

	require.ErrorIs(t, g.Go("late", noTask), lifecycle.ErrStopped)
}

func TestStopLogsTheTasksItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := recordingLogger()
		g := lifecycle.NewGroup(log, nil)
		g.Start()
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		require.NoError(t, g.Go("serve", untilCancelled))
		stopped := make(chan error, 1)
		go func() { stopped <- g.Stop(t.Context()) }()

		<-time.After(11 * time.Second)
		release()

		require.NoError(t, <-stopped)
		var said []string
		for _, line := range entriesAt(lines, logrus.WarnLevel) {
			said = append(said, line.Message)
		}
		require.Equal(t, []string{
			"still stopping after 5s: waiting for dial alice",
			"still stopping after 10s: waiting for dial alice",
		}, said)
	})
}

// If the log is slow, a tick may still be waiting for noteWaiting when the stop is
// over. The test repeats this, because Go chooses at random between the tick and the
// end.
func TestStopDoesNotLogAnEmptyWait(t *testing.T) {
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			log, lines := recordingLogger()
			stuck, release := deaf()
			log.AddHook(sink(func() {
				release()
				<-time.After(6 * time.Second)
			}))
			g := lifecycle.NewGroup(log, nil)
			g.Start()
			require.NoError(t, g.Go("dial alice", stuck))

			require.NoError(t, g.Stop(t.Context()))

			<-time.After(time.Minute)
			require.Len(t, entriesAt(lines, logrus.WarnLevel), 1)
		})
	}
}

func TestStopDoesNotWaitForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := recordingLogger()
		hanging, released := make(chan struct{}), make(chan struct{})
		log.AddHook(sink(func() {
			close(hanging)
			<-released
		}))
		g := lifecycle.NewGroup(log, nil)
		g.Start()
		stuck, release := deaf()
		require.NoError(t, g.Go("dial alice", stuck))
		stopped := make(chan error, 1)
		go func() { stopped <- g.Stop(t.Context()) }()
		<-hanging

		release()

		require.NoError(t, <-stopped)
		close(released)
	})
}
