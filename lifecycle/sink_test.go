package lifecycle_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// badLogs returns two loggers. The hook of the first logger hangs until the end of the test. The hook
// of the second logger panics.
func badLogs(t *testing.T) map[string]*logrus.Logger {
	t.Helper()
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	logs := make(map[string]*logrus.Logger)
	for name, does := range map[string]sink{
		"hangs":  func() { <-released },
		"panics": func() { panic("a hook") },
	} {
		log, _ := recordingLogger()
		log.AddHook(does)
		logs[name] = log
	}
	return logs
}

// orderedShutdowner closes a channel when Shutdown is called.
type orderedShutdowner struct{ stopped chan struct{} }

func (s orderedShutdowner) Shutdown(...fx.ShutdownOption) error { close(s.stopped); return nil }

func TestAFailerStopsBeforeItLogs(t *testing.T) {
	for name, end := range map[string]func(*lifecycle.Failer){
		"fail":     func(f *lifecycle.Failer) { f.Fail(errDisk) },
		"complete": func(f *lifecycle.Failer) { f.Complete("ceremony complete") },
	} {
		t.Run(name, func(t *testing.T) {
			shutdowner := orderedShutdowner{stopped: make(chan struct{})}
			log, logged := recordingLogger()
			log.AddHook(sink(func() { <-shutdowner.stopped }))

			end(lifecycle.NewFailer(shutdowner, log))

			require.Len(t, logged.AllEntries(), 1)
		})
	}
}

func TestABadLogHardlyDelaysAFailer(t *testing.T) {
	for _, name := range []string{"hangs", "panics"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shutdowner := new(fakeShutdowner)
				f := lifecycle.NewFailer(shutdowner, badLogs(t)[name])
				begin := time.Now()

				f.Fail(errDisk)

				require.LessOrEqual(t, time.Since(begin), 500*time.Millisecond)
				require.Equal(t, []fx.ShutdownOption{fx.ExitCode(1)}, shutdowner.options)
				f.Fail(errDisk)
				f.Complete("ceremony complete")
				require.LessOrEqual(t, time.Since(begin), 1500*time.Millisecond)
				require.Equal(t, 1, shutdowner.calls)
			})
		})
	}
}

func TestABadLogDoesNotDelayAGroupsStop(t *testing.T) {
	for _, name := range []string{"hangs", "panics"} {
		for callback, onFailure := range map[string]func(error){"with a callback": func(error) {}, "without": nil} {
			t.Run(name+" "+callback, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := lifecycle.NewGroup(badLogs(t)[name], onFailure)
					g.Start()
					for range 2 {
						require.NoError(t, g.Go("write key", func(context.Context) error { return errDisk }))
					}
					require.NoError(t, g.Go("count", panicking))
					require.NoError(t, g.Go("serve", untilCancelled))
					begin := time.Now()

					require.NoError(t, g.Stop(t.Context()))

					require.Zero(t, time.Since(begin))
				})
			})
		}
	}
}

func TestSuccessfulTasksAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logged := recordingLogger()
		g := lifecycle.NewGroup(log, nil)
		g.Start()
		require.NoError(t, g.Go("short", func(context.Context) error { return nil }))
		require.NoError(t, g.Go("serve", untilCancelled))

		require.NoError(t, g.Stop(t.Context()))

		synctest.Wait()
		require.Empty(t, logged.AllEntries())
	})
}
