package lifecycle_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// component runs named tasks from the start to the stop of an application.
func component(tasks map[string]func(context.Context) error) fx.Option {
	return fx.Invoke(func(lc fx.Lifecycle, f *lifecycle.Failer, log *logrus.Logger) {
		g := lifecycle.NewGroup(log, f.Fail)
		lc.Append(fx.StartStopHook(g.Start, g.Stop))
		lc.Append(fx.StartHook(func() error {
			for name, task := range tasks {
				if err := g.Go(name, task); err != nil {
					return err
				}
			}
			return nil
		}))
	})
}

// apps holds the applications that runApp runs.
var apps = map[string]fx.Option{
	"task fails": component(map[string]func(context.Context) error{
		"write key": func(context.Context) error { return errDisk },
		"serve":     untilCancelled,
	}),
	"task panics": component(map[string]func(context.Context) error{"count": panicking}),
	"fails in a hook": fx.Invoke(func(lc fx.Lifecycle, f *lifecycle.Failer) {
		lc.Append(fx.StartHook(func() { f.Fail(errDisk) }))
	}),
	"fails in fx.New": fx.Invoke(func(f *lifecycle.Failer) { f.Fail(errDisk) }),
	"completes": fx.Options(
		component(map[string]func(context.Context) error{"serve": untilCancelled}),
		fx.Invoke(func(lc fx.Lifecycle, f *lifecycle.Failer) {
			lc.Append(fx.StartHook(func() { f.Complete("ceremony complete") }))
		}),
	),
	"task does not end": fx.Options(
		component(map[string]func(context.Context) error{"dial alice": func(context.Context) error { select {} }}),
		fx.Invoke(func(lc fx.Lifecycle, f *lifecycle.Failer) {
			lc.Append(fx.StartHook(func() { f.Complete("ceremony complete") }))
		}),
	),
}

func TestAFailureExitsWithCode1AndOneCause(t *testing.T) {
	for _, name := range []string{"task fails", "fails in a hook", "fails in fx.New"} {
		t.Run(name, func(t *testing.T) {
			exitCode, stderr := runApp(t, name)

			require.Equal(t, 1, exitCode, stderr)
			require.Equal(t, 1, strings.Count(stderr, errDisk.Error()), stderr)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		})
	}
}

func TestAPanicExitsWithCode1AndAStack(t *testing.T) {
	exitCode, stderr := runApp(t, "task panics")

	require.Equal(t, 1, exitCode, stderr)
	require.Equal(t, 1, strings.Count(stderr, `task \"count\" panicked: disk full`), stderr)
	require.Contains(t, stderr, "lifecycle_test.panicking")
}

func TestCancelledTasksExitWithCode0(t *testing.T) {
	exitCode, stderr := runApp(t, "completes")

	require.Equal(t, 0, exitCode, stderr)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	require.Contains(t, stderr, "ceremony complete")
}

func TestAnApplicationNamesAStuckTask(t *testing.T) {
	exitCode, stderr := runApp(t, "task does not end")

	require.Equal(t, 1, exitCode, stderr)
	require.Contains(t, stderr, "tasks that did not end in time: dial alice")
}

func TestAStuckTaskDoesNotBlockOtherHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := recordingLogger()
		stuck, release := deaf()
		stopped := false
		app := fx.New(
			fx.Supply(log),
			fx.Provide(lifecycle.NewFailer),
			lifecycle.WithFxLogger(),
			fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StopHook(func() { stopped = true })) }),
			component(map[string]func(context.Context) error{"dial alice": stuck}),
		)
		require.NoError(t, app.Start(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		err := app.Stop(ctx)

		require.ErrorAs(t, err, new(*lifecycle.StopError))
		require.True(t, stopped)
		release()
		synctest.Wait()
	})
}

func TestALaterFailedHookStopsTheGroup(t *testing.T) {
	log, _ := recordingLogger()
	ended := make(chan struct{})
	app := fx.New(
		fx.Supply(log),
		fx.Provide(lifecycle.NewFailer),
		lifecycle.WithFxLogger(),
		component(map[string]func(context.Context) error{"serve": func(ctx context.Context) error {
			defer close(ended)
			return untilCancelled(ctx)
		}}),
		fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() error { return errDisk })) }),
	)

	require.ErrorIs(t, app.Start(t.Context()), errDisk)

	<-ended
}

func TestSuccessPrintsNoFxLine(t *testing.T) {
	log, text := operatorsLog()
	app := fx.New(
		fx.Supply(log),
		fx.Provide(lifecycle.NewFailer),
		lifecycle.WithFxLogger(),
		component(map[string]func(context.Context) error{"serve": untilCancelled}),
	)
	require.NoError(t, app.Start(t.Context()))
	require.NoError(t, app.Stop(t.Context()))

	require.Empty(t, text.String())
}

func TestAFailedStartPrintsTheCause(t *testing.T) {
	for name, option := range map[string]fx.Option{
		"hook":        fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() error { return errDisk })) }),
		"constructor": fx.Options(fx.Provide(func() (int, error) { return 0, errDisk }), fx.Invoke(func(int) {})),
	} {
		t.Run(name, func(t *testing.T) {
			log, text := operatorsLog()
			app := fx.New(fx.Supply(log), lifecycle.WithFxLogger(), option)

			require.ErrorIs(t, app.Start(t.Context()), errDisk)

			require.Contains(t, text.String(), "disk full")
			require.Contains(t, text.String(), "level=error")
		})
	}
}

func TestTheStandardLoggerIsTheDefault(t *testing.T) {
	log, own := operatorsLog()
	for name, options := range map[string]fx.Option{
		"none supplied":            fx.Invoke(func() error { return errDisk }),
		"no logger after fx.Error": fx.Options(fx.Supply(log), fx.Error(errDisk)),
	} {
		t.Run(name, func(t *testing.T) {
			standard, text := logrus.StandardLogger(), new(strings.Builder)
			before := standard.Out
			standard.SetOutput(text)
			defer standard.SetOutput(before)

			app := fx.New(lifecycle.WithFxLogger(), options)

			require.ErrorIs(t, app.Start(t.Context()), errDisk)
			require.Contains(t, text.String(), "disk full")
			require.Empty(t, own.String())
		})
	}
}
