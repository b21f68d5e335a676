package syncmod_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

type makesSteps = func(*syncmod.Ceremony) ([]syncmod.Step, error)

// failsOnce makes steps that fail in the first attempt.
func failsOnce() makesSteps {
	return func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		return []syncmod.Step{{Name: "work", Run: func(context.Context) error {
			if c.Status().Attempt == 1 {
				panic("not yet")
			}
			return nil
		}}}, nil
	}
}

// alwaysFails returns a constructor of steps that fail in every attempt.
func alwaysFails() makesSteps {
	return func(*syncmod.Ceremony) ([]syncmod.Step, error) {
		return []syncmod.Step{{Run: func(context.Context) error { return errors.New("never") }}}, nil
	}
}

// attempting returns the app of a node that runs attempts, and a channel with the error
// of each ceremony that OnEnd is called for.
func attempting(
	t *testing.T, h host.Host, def syncmod.Definition, cfg syncmod.Config, constructor any,
) (*fxtest.App, <-chan error) {
	t.Helper()
	ends := make(chan error, 8)
	return fxtest.New(t, fx.NopLogger, fx.Provide(func() host.Host { return h }),
		fx.Supply(harness.Quiet(), def, cfg), syncmod.Module, syncmod.RunAttempts(constructor),
		syncmod.OnEnd(func(c *syncmod.Ceremony) { ends <- c.Err() })), ends
}

func TestAnAppRetriesUntilComplete(t *testing.T) {
	noLeaks(t)
	a, b := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), a, b)
	one, endsOfOne := attempting(t, a, def, retrying(3), failsOnce)
	other, endsOfOther := attempting(t, b, def, retrying(3), func() (makesSteps, error) { return failsOnce(), nil })
	one.RequireStart()
	other.RequireStart()

	require.NoError(t, harness.Next(t, endsOfOne), "the program hears of the last attempt only")
	require.NoError(t, harness.Next(t, endsOfOther))

	one.RequireStop()
	other.RequireStop()
	require.Empty(t, endsOfOne)
	require.Empty(t, endsOfOther)
}

func TestAnAppStopsAfterTheLastAttempt(t *testing.T) {
	noLeaks(t)
	a, b := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), a, b)
	cfg := retrying(2)
	cfg.ShutdownOnFailure = true
	one, ends := attempting(t, a, def, cfg, alwaysFails)
	other, _ := attempting(t, b, def, cfg, alwaysFails)
	one.RequireStart()
	other.RequireStart()

	require.Equal(t, 1, harness.Next(t, one.Wait()).ExitCode)

	require.Error(t, harness.Next(t, ends))
	one.RequireStop()
	other.RequireStop()
	require.Empty(t, ends)
}

func TestAnAppThatStopsEndsItsAttempts(t *testing.T) {
	noLeaks(t)
	h := harness.NewHost(t)
	app, ends := attempting(t, h, unattended(t, h), retrying(-1), failsOnce)
	app.RequireStart()

	app.RequireStop()

	require.ErrorIs(t, harness.Next(t, ends), syncmod.ErrStopped)
	require.Empty(t, ends)
}

func TestAnAppWithAttemptsCanRestart(t *testing.T) {
	noLeaks(t)
	a, b := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), a, b)
	one, ends := attempting(t, a, def, retrying(3), failsOnce)
	one.RequireStart()
	one.RequireStop()
	require.ErrorIs(t, harness.Next(t, ends), syncmod.ErrStopped)

	one.RequireStart()
	other, _ := attempting(t, b, def, retrying(3), failsOnce)
	other.RequireStart()

	require.NoError(t, harness.Next(t, ends))
	one.RequireStop()
	other.RequireStop()
}

func TestAPanicWhileMakingStepsIsAFailure(t *testing.T) {
	noLeaks(t)
	h := harness.NewHost(t)
	calls := 0
	app, ends := attempting(t, h, unattended(t, h), retrying(2), func() makesSteps {
		return func(*syncmod.Ceremony) ([]syncmod.Step, error) {
			calls++
			panic("no share")
		}
	})
	app.RequireStart()

	var panicked *lifecycle.PanicError
	err := harness.Next(t, ends)
	require.ErrorAs(t, err, &panicked)
	require.ErrorContains(t, err, "no share")
	app.RequireStop()
	require.Equal(t, 2, calls)
	require.Empty(t, ends)
}

func TestAnAppLearnsOfTheLastFailure(t *testing.T) {
	noLeaks(t)
	h := harness.NewHost(t)
	cfg := retrying(3)
	cfg.ShutdownOnFailure = true
	app, ends := attempting(t, h, unattended(t, h), cfg, losesItsKey)
	app.RequireStart()

	require.Equal(t, 1, harness.Next(t, app.Wait()).ExitCode)

	require.ErrorIs(t, harness.Next(t, ends), syncmod.ErrAborted)
	app.RequireStop()
	require.Empty(t, ends)
}

func TestAnImpossibleAttemptFailsTheStart(t *testing.T) {
	noLeaks(t)
	h := harness.NewHost(t)
	def := unattended(t, h)
	app := fx.New(given(h), syncmod.Module, fx.Supply(def),
		fx.Invoke(func(lc fx.Lifecycle, s *syncmod.Service) {
			lc.Append(fx.StartHook(func() error {
				_, err := s.Open(def)
				return err
			}))
		}),
		syncmod.RunAttempts(alwaysFails))

	require.ErrorIs(t, app.Start(t.Context()), syncmod.ErrOpen)
}

func TestAnOldStepDoesNotEndARestartedApp(t *testing.T) {
	noLeaks(t)
	a, b := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), a, b)
	cfg := retrying(3)
	cfg.ShutdownOnFailure = true
	made, inside, release := make(chan *syncmod.Ceremony, 8), make(chan struct{}, 8), make(chan struct{})
	app, ends := attempting(t, a, def, cfg, func() makesSteps {
		return func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
			made <- c
			return []syncmod.Step{{Name: "deaf", Run: func(context.Context) error {
				inside <- struct{}{}
				<-release
				return nil
			}}}, nil
		}
	})
	app.RequireStart()
	asked := app.Wait()
	partner, err := harness.StartService(t, b, harness.Fast()).Open(def)
	require.NoError(t, err)
	other := inBackground(func() error {
		return partner.Run(harness.Within(t), syncmod.Step{Run: func(context.Context) error {
			<-inside
			return errFull
		}})
	})
	require.ErrorIs(t, harness.Failure(t, harness.Next(t, made)), syncmod.ErrPeerAborted)
	require.ErrorIs(t, harness.Next(t, other), errFull)
	require.NoError(t, partner.Close(harness.Within(t)))

	require.ErrorContains(t, app.Stop(harness.Due(t, 2*time.Second)), "ceremony attempts")
	require.ErrorIs(t, harness.Next(t, ends), syncmod.ErrPeerAborted)
	require.Equal(t, 1, harness.Next(t, asked).ExitCode)
	app.RequireStart()
	asked = app.Wait()
	close(release)

	app.RequireStop() // waits for the step
	require.ErrorIs(t, harness.Next(t, ends), syncmod.ErrStopped)
	require.Empty(t, ends)
	require.Empty(t, asked)
}

func TestRunAttemptsProvidesNoCeremony(t *testing.T) {
	h := harness.NewSilentHost(t)
	for about, options := range map[string]fx.Option{
		"an Invoke": fx.Invoke(func(*syncmod.Ceremony) {}),
		"RunSteps":  syncmod.RunSteps(noSteps),
	} {
		t.Run(about, func(t *testing.T) {
			attempts := syncmod.RunAttempts(failsOnce)
			app := fx.New(given(h), syncmod.Module, fx.Supply(unattended(t, h)), attempts, options)

			require.Error(t, app.Err())
			if about != "RunSteps" { // fx names the conflict: two constructors of one type
				require.ErrorContains(t, app.Err(), "syncmod.RunAttempts makes one for each attempt")
			}
		})
	}
}

func TestABadAttemptsConstructorFailsTheApp(t *testing.T) {
	errNoKeys := errors.New("no keys")
	for about, test := range map[string]struct {
		constructor any
		want        string
	}{
		"nothing":          {nil, "RunAttempts"},
		"an error":         {func() (makesSteps, error) { return nil, errNoKeys }, "no keys"},
		"steps themselves": {noSteps, "func(*syncmod.Ceremony) ([]syncmod.Step, error)"},
	} {
		t.Run(about, func(t *testing.T) {
			h := harness.NewSilentHost(t)

			app := fx.New(given(h), syncmod.Module, fx.Supply(unattended(t, h)), syncmod.RunAttempts(test.constructor))

			require.ErrorContains(t, app.Err(), test.want)
		})
	}
}

func TestAttemptsDoNothingWithoutAHost(t *testing.T) {
	app := fxtest.New(t, fx.NopLogger, fx.Supply(harness.Quiet()), syncmod.ModuleIfHost,
		fx.Provide(func() (syncmod.Definition, error) { return syncmod.Definition{}, errOffline }),
		syncmod.RunAttempts(failsOnce))

	app.RequireStart()
	app.RequireStop()
}
