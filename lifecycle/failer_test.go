package lifecycle_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// fakeShutdowner counts the calls. Its counter has no lock, and neither has fx's exit code: concurrent calls are a
// data race.
type fakeShutdowner struct {
	calls   int
	options []fx.ShutdownOption
	err     error
}

func (s *fakeShutdowner) Shutdown(options ...fx.ShutdownOption) error {
	s.calls++
	s.options = options
	return s.err
}

func TestFailLogsAndStopsWithCode1(t *testing.T) {
	log, hook := recordingLogger()
	shutdowner := new(fakeShutdowner)

	lifecycle.NewFailer(shutdowner, log).Fail(errDisk)

	require.Equal(t, []fx.ShutdownOption{fx.ExitCode(1)}, shutdowner.options)
	logged := entriesAt(hook, logrus.ErrorLevel)
	require.Len(t, logged, 1)
	require.Equal(t, errDisk, logged[0].Data[logrus.ErrorKey])
}

func TestCompleteLogsAndStopsWithCode0(t *testing.T) {
	log, hook := recordingLogger()
	shutdowner := new(fakeShutdowner)

	lifecycle.NewFailer(shutdowner, log).Complete("ceremony complete")

	require.Equal(t, []fx.ShutdownOption{fx.ExitCode(0)}, shutdowner.options)
	logged := entriesAt(hook, logrus.InfoLevel)
	require.Len(t, logged, 1)
	require.Equal(t, "ceremony complete", logged[0].Message)
}

func TestTheFirstDecisionCounts(t *testing.T) {
	fail := func(f *lifecycle.Failer) { f.Fail(errors.New("consequence")) }
	complete := func(f *lifecycle.Failer) { f.Complete("complete") }
	for name, later := range map[string]func(*lifecycle.Failer){"fail": fail, "complete": complete} {
		t.Run(name, func(t *testing.T) {
			log, hook := recordingLogger()
			shutdowner := new(fakeShutdowner)
			f := lifecycle.NewFailer(shutdowner, log)
			f.Fail(errDisk)

			later(f)

			require.Equal(t, 1, shutdowner.calls)
			require.Equal(t, errDisk, f.Err())
			require.Len(t, entriesAt(hook, logrus.ErrorLevel), 1)
			require.Empty(t, entriesAt(hook, logrus.InfoLevel))
		})
	}
}

func TestCompleteBeatsALaterFailure(t *testing.T) {
	log, hook := recordingLogger()
	shutdowner := new(fakeShutdowner)
	f := lifecycle.NewFailer(shutdowner, log)
	f.Complete("ceremony complete")

	f.Fail(errDisk)

	require.NoError(t, f.Err())
	require.Equal(t, 1, shutdowner.calls)
	require.Empty(t, entriesAt(hook, logrus.ErrorLevel))
}

func TestANilErrorIsNoFailure(t *testing.T) {
	shutdowner := new(fakeShutdowner)
	f := lifecycle.NewFailer(shutdowner, nil)

	f.Fail(nil)

	require.Zero(t, shutdowner.calls)
}

func TestAPanicIsLoggedWithItsStack(t *testing.T) {
	log, hook := recordingLogger()

	lifecycle.NewFailer(new(fakeShutdowner), log).Fail(&lifecycle.PanicError{Task: "count", Stack: []byte("a stack")})

	require.Equal(t, "a stack", entriesAt(hook, logrus.ErrorLevel)[0].Data["stack"])
}

func TestAShutdownErrorIsLoggedAtDebug(t *testing.T) {
	log, hook := recordingLogger()
	refused := errors.New("send terminated signal: 1/1 channels are blocked")

	lifecycle.NewFailer(&fakeShutdowner{err: refused}, log).Complete("ceremony complete")

	logged := entriesAt(hook, logrus.DebugLevel)
	require.Len(t, logged, 1)
	require.Equal(t, refused, logged[0].Data[logrus.ErrorKey])
}

func TestConcurrentCallsStopOnce(t *testing.T) {
	log, hook := recordingLogger()
	shutdowner := new(fakeShutdowner)
	f := lifecycle.NewFailer(shutdowner, log)

	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() { f.Fail(errDisk) })
	}
	callers.Wait()

	require.Equal(t, 1, shutdowner.calls)
	require.Len(t, entriesAt(hook, logrus.ErrorLevel), 1)
}

func TestTwoFailuresStopOnceWithCode1(t *testing.T) {
	log, hook := recordingLogger()
	var failer *lifecycle.Failer
	app := fx.New(
		fx.Supply(log),
		fx.Provide(lifecycle.NewFailer),
		lifecycle.WithFxLogger(),
		fx.Invoke(func(lc fx.Lifecycle, f *lifecycle.Failer) {
			for range 2 { // two components, each with a group
				g := lifecycle.NewGroup(log, f.Fail)
				lc.Append(fx.StartStopHook(g.Start, g.Stop))
				lc.Append(fx.StartHook(func() error {
					return g.Go("write key", func(context.Context) error { return errDisk })
				}))
			}
		}),
		fx.Populate(&failer),
	)
	require.NoError(t, app.Start(t.Context()))

	signal := <-app.Wait()
	require.NoError(t, app.Stop(t.Context()))

	require.Equal(t, 1, signal.ExitCode)
	require.ErrorIs(t, failer.Err(), errDisk)
	require.Len(t, entriesAt(hook, logrus.ErrorLevel), 1)
}
