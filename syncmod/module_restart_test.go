package syncmod_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// failingFirst is a hook of the program, and fails at its first call.
func failingFirst(fail func() error) fx.Option {
	failed := false
	return fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.StartHook(func() error {
			if failed {
				return nil
			}
			failed = true
			return fail()
		}))
	})
}

// whole runs a whole ceremony on the partner's side, and closes it.
func whole(t *testing.T, partner *syncmod.Service, def syncmod.Definition) {
	t.Helper()
	c, err := partner.Open(def)
	require.NoError(t, err)
	require.NoError(t, c.Run(harness.Within(t), syncmod.Step{Name: "work"}))
	require.NoError(t, c.Close(harness.Within(t)))
}

func TestARestartedAppBeginsAnew(t *testing.T) {
	noLeaks(t)
	h, other := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), h, other)
	partner := harness.StartService(t, other, harness.Fast())
	var worked atomic.Int64
	var c *syncmod.Ceremony // one handle for all runs
	app := fx.New(syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c), syncmod.RunSteps(func() []syncmod.Step {
		return []syncmod.Step{{Name: "work", Run: func(context.Context) error {
			worked.Add(1)
			return nil
		}}}
	}))

	for run := range 3 {
		require.NoError(t, app.Start(harness.Within(t)))
		require.Equal(t, syncmod.Connecting, c.Status().Phase)
		whole(t, partner, def)
		harness.Next(t, c.Done())
		require.NoError(t, c.Err())
		require.Equal(t, int64(run+1), worked.Load())
		require.NoError(t, app.Stop(harness.Within(t)))
	}
}

func TestAFailedStartCanBeRepeated(t *testing.T) {
	for about, fail := range map[string]func(timeOut func()) error{
		"undone by fx": func(func()) error { return errors.New("the port is in use") },
		"timed out, so that fx calls no OnStop": func(timeOut func()) error {
			timeOut()
			return context.Canceled
		},
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, other := harness.NewHost(t), harness.NewHost(t)
			def := harness.Define(t.Name(), h, other)
			partner := harness.StartService(t, other, harness.Fast())
			starting, timeOut := context.WithCancel(t.Context())
			defer timeOut()
			var c *syncmod.Ceremony
			app := fx.New(
				syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c),
				syncmod.RunSteps(noSteps), failingFirst(func() error { return fail(timeOut) }),
			)
			require.Error(t, app.Start(starting))

			harness.Eventually(t, func() bool { // fx may still be finishing the first start
				return app.Start(harness.Within(t)) == nil
			}, "the app starts")

			own, err := partner.Open(def)
			require.NoError(t, err)
			require.NoError(t, own.Run(harness.Within(t)))
			harness.Next(t, c.Done())
			require.NoError(t, c.Err())
			require.NoError(t, app.Stop(harness.Within(t)))
			require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
			require.NoError(t, own.Close(harness.Within(t)))
		})
	}
}

func TestStopKeepsTheOutcome(t *testing.T) {
	h := harness.NewSilentHost(t)
	var c *syncmod.Ceremony
	app := fx.New(syncmod.Module, given(h), fx.Supply(unattended(t, h)), fx.Populate(&c))
	require.NoError(t, app.Start(t.Context()))
	require.NoError(t, app.Stop(t.Context()))
	require.NoError(t, app.Stop(t.Context()), "stopping twice")

	require.ErrorIs(t, c.Err(), syncmod.ErrStopped)
	require.ErrorIs(t, c.AwaitConnected(t.Context()), syncmod.ErrStopped)
}

func TestACeremonyClosedEarlyStaysClosed(t *testing.T) {
	h := harness.NewSilentHost(t)
	app := fx.New(syncmod.Module, given(h), fx.Supply(unattended(t, h)), fx.Invoke(func(c *syncmod.Ceremony) error {
		return c.Close(t.Context())
	}))

	err := app.Start(t.Context())

	require.ErrorIs(t, err, syncmod.ErrStopped)
	require.ErrorContains(t, err, "was closed")
	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
}
