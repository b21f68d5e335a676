package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/lifecycle"
)

var errDisk = errors.New("disk full")

// failures returns a callback for a group, and a channel with the failures that the
// group reports to the callback.
func failures() (onFailure func(error), reported <-chan error) {
	ch := make(chan error, 10)
	return func(err error) { ch <- err }, ch
}

// next waits for the next failure that a group reports.
func next(t *testing.T, reported <-chan error) error {
	t.Helper()
	select {
	case err := <-reported:
		return err
	case <-time.After(time.Minute):
		require.FailNow(t, "no failure was reported")
		return nil
	}
}

func startedGroup(t *testing.T, onFailure func(error)) *lifecycle.Group {
	t.Helper()
	log, _ := recordingLogger()
	g := lifecycle.NewGroup(log, onFailure)
	g.Start()
	t.Cleanup(func() { require.NoError(t, g.Stop(context.Background())) })
	return g
}

func untilCancelled(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func noTask(context.Context) error { panic("must not run") }

func TestATaskOutlivesTheStartContext(t *testing.T) {
	g := startedGroup(t, nil)
	startCtx, cancelStart := context.WithCancel(t.Context())
	hook := func(context.Context) error { return g.Go("serve", untilCancelled) }
	require.NoError(t, hook(startCtx))

	cancelStart()

	require.NoError(t, g.Context().Err())
}

func TestTasksAreRefusedBeforeStart(t *testing.T) {
	g := lifecycle.NewGroup(nil, nil)
	require.ErrorIs(t, g.Go("early", noTask), lifecycle.ErrStopped)
}

func TestTasksAreRefusedAfterStop(t *testing.T) {
	g := lifecycle.NewGroup(nil, nil)
	g.Start()
	refused := make(chan error, 1)
	require.NoError(t, g.Go("parent", func(ctx context.Context) error {
		<-ctx.Done()
		refused <- g.Go("child", noTask)
		return nil
	}))

	require.NoError(t, g.Stop(t.Context()))

	require.ErrorIs(t, <-refused, lifecycle.ErrStopped)
}

func TestTheRunContextLastsFromStartToStop(t *testing.T) {
	g := lifecycle.NewGroup(nil, nil)
	require.ErrorIs(t, g.Context().Err(), context.Canceled)
	g.Start()
	running := g.Context()
	require.NoError(t, running.Err())

	require.NoError(t, g.Stop(t.Context()))

	require.ErrorIs(t, context.Cause(running), lifecycle.ErrStopped)
}

func TestStartWhileRunningKeepsTheRun(t *testing.T) {
	g := startedGroup(t, nil)
	running := g.Context()

	g.Start()

	require.Same(t, running, g.Context())
	require.NoError(t, running.Err())
}

func TestAFailureNamesItsTask(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)

	require.NoError(t, g.Go("write key", func(context.Context) error { return errDisk }))

	err := next(t, reported)
	require.ErrorIs(t, err, errDisk)
	require.EqualError(t, err, `task "write key": disk full`)
}

func TestOnlyTheFirstFailureIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onFailure, reported := failures()
		g := startedGroup(t, onFailure)

		require.NoError(t, g.Go("first", func(context.Context) error { return errDisk }))
		synctest.Wait()
		require.NoError(t, g.Go("second", func(context.Context) error { return errors.New("consequence") }))
		synctest.Wait()

		require.Len(t, reported, 1)
		require.ErrorIs(t, next(t, reported), errDisk)
	})
}

func TestARestartReportsFailuresAgain(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)
	for range 2 {
		g.Start()
		require.NoError(t, g.Go("write key", func(context.Context) error { return errDisk }))
		require.ErrorIs(t, next(t, reported), errDisk)
		require.NoError(t, g.Stop(t.Context()))
	}
}

func TestWithoutACallbackTheGroupLogs(t *testing.T) {
	log, hook := recordingLogger()
	g := lifecycle.NewGroup(log, nil)
	g.Start()

	require.NoError(t, g.Go("write key", func(context.Context) error { return errDisk }))

	require.ErrorIs(t, nextAt(t, hook, logrus.ErrorLevel).Data[logrus.ErrorKey].(error), errDisk)
	require.NoError(t, g.Stop(t.Context()))
}

func TestReturningNilIsNoFailure(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)

	require.NoError(t, g.Go("short", func(context.Context) error { return nil }))
	require.NoError(t, g.Stop(t.Context()))

	require.Empty(t, reported)
}

func TestCancellationByStopIsNoFailure(t *testing.T) {
	endings := map[string]func(context.Context) error{
		"error": context.Context.Err,
		"cause": context.Cause,
		"wrapped": func(ctx context.Context) error {
			return fmt.Errorf("reading: %w", ctx.Err())
		},
	}
	for name, ending := range endings {
		t.Run(name, func(t *testing.T) {
			onFailure, reported := failures()
			g := startedGroup(t, onFailure)
			require.NoError(t, g.Go("serve", func(ctx context.Context) error {
				<-ctx.Done()
				return ending(ctx)
			}))

			require.NoError(t, g.Stop(t.Context()))

			require.Empty(t, reported)
		})
	}
}

func TestCancellationWithoutStopIsAFailure(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)

	require.NoError(t, g.Go("serve", func(context.Context) error { return context.Canceled }))

	require.ErrorIs(t, next(t, reported), context.Canceled)
}

func TestAnErrorDuringStopIsAFailure(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)
	require.NoError(t, g.Go("flush", func(ctx context.Context) error {
		<-ctx.Done()
		return errDisk
	}))

	require.NoError(t, g.Stop(t.Context()))

	require.ErrorIs(t, next(t, reported), errDisk)
}

func TestAPanicIsAFailureWithItsStack(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)

	require.NoError(t, g.Go("count", panicking))

	var panicked *lifecycle.PanicError
	require.ErrorAs(t, next(t, reported), &panicked)
	require.Equal(t, "count", panicked.Task)
	require.Equal(t, errDisk, panicked.Value)
	require.ErrorIs(t, panicked, errDisk)
	require.EqualError(t, panicked, `task "count" panicked: disk full`)
	require.Contains(t, string(panicked.Stack), "lifecycle_test.panicking")
}

func panicking(context.Context) error { panic(errDisk) }

func TestAPanicDuringStopIsAFailure(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)
	require.NoError(t, g.Go("serve", func(ctx context.Context) error { panic(untilCancelled(ctx)) }))

	require.NoError(t, g.Stop(t.Context()))

	require.ErrorAs(t, next(t, reported), new(*lifecycle.PanicError))
}

func TestALaterPanicIsLoggedWithItsStack(t *testing.T) {
	log, hook := recordingLogger()
	onFailure, reported := failures()
	g := lifecycle.NewGroup(log, onFailure)
	g.Start()
	require.NoError(t, g.Go("write key", func(context.Context) error { return errDisk }))
	require.ErrorIs(t, next(t, reported), errDisk)

	require.NoError(t, g.Go("count", panicking))

	require.Contains(t, nextAt(t, hook, logrus.ErrorLevel).Data["stack"], "lifecycle_test.panicking")
	require.NoError(t, g.Stop(t.Context()))
}

func TestGoexitIsAFailure(t *testing.T) {
	onFailure, reported := failures()
	g := startedGroup(t, onFailure)

	require.NoError(t, g.Go("exit", func(context.Context) error { runtime.Goexit(); return nil }))

	require.EqualError(t, next(t, reported), `task "exit": the goroutine exited without returning`)
}
