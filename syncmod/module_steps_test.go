package syncmod_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestStepsRunInLockstepInAnApp(t *testing.T) {
	type keystore struct{ stored []string }
	step := func(store *keystore, name string) syncmod.Step {
		return syncmod.Step{Name: name, Run: func(context.Context) error {
			store.stored = append(store.stored, name)
			return nil
		}}
	}
	for about, constructor := range map[string]any{
		"steps": func(store *keystore) []syncmod.Step {
			return []syncmod.Step{step(store, "exchange"), step(store, "store")}
		},
		"steps, or an error": func(store *keystore) ([]syncmod.Step, error) {
			return []syncmod.Step{step(store, "exchange"), step(store, "store")}, nil
		},
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			store := new(keystore)
			var c *syncmod.Ceremony
			app := fxtest.New(t, syncmod.Module, given(h), fx.Supply(def, store),
				syncmod.RunSteps(constructor), fx.Populate(&c))
			app.RequireStart()

			err := partner.Run(harness.Within(t), syncmod.Step{Name: "exchange"}, syncmod.Step{Name: "store"})

			require.NoError(t, err)
			harness.Next(t, c.Done())
			require.NoError(t, c.Err())
			require.Equal(t, []string{"exchange", "store"}, store.stored)
			app.RequireStop()
			require.Equal(t, syncmod.Complete, c.Status().Phase)
		})
	}
}

func TestABadStepsConstructorFailsTheApp(t *testing.T) {
	errNoKeys := errors.New("no keys")
	for about, test := range map[string]struct {
		constructor any
		want        string
	}{
		"an error":            {func() ([]syncmod.Step, error) { return nil, errNoKeys }, "no keys"},
		"something missing":   {func(*bytes.Buffer) []syncmod.Step { return nil }, "bytes.Buffer"},
		"other than steps":    {func() []string { return nil }, "[]syncmod.Step"},
		"not a constructor":   {[]syncmod.Step{{Name: "one"}}, "[]syncmod.Step"},
		"nothing whatsoever":  {nil, "RunSteps"},
		"a single step alone": {func() syncmod.Step { return syncmod.Step{} }, "[]syncmod.Step"},
	} {
		t.Run(about, func(t *testing.T) {
			h := harness.NewSilentHost(t)

			app := fx.New(
				syncmod.Module, given(h), fx.Supply(unattended(t, h)), syncmod.RunSteps(test.constructor),
			)

			require.ErrorContains(t, app.Err(), test.want)
		})
	}
}

func TestASecondRunStepsIsRefused(t *testing.T) {
	h := harness.NewSilentHost(t)

	app := fx.New(
		syncmod.Module, given(h), fx.Supply(unattended(t, h)), syncmod.RunSteps(noSteps), syncmod.RunSteps(noSteps),
	)

	require.ErrorContains(t, app.Err(), "onlyOneRun")
}

func TestAFailedStepIsNamedToEveryone(t *testing.T) {
	for about, run := range map[string]func(context.Context) error{
		"an error": func(context.Context) error { return errFull },
		"a panic":  func(context.Context) error { panic(errFull) },
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			var c *syncmod.Ceremony
			steps := []syncmod.Step{{Name: "exchange"}, {Name: "store keys", Run: run}}
			app := fxtest.New(t, syncmod.Module, given(h), fx.Supply(def),
				syncmod.RunSteps(func() []syncmod.Step { return steps }), fx.Populate(&c))
			app.RequireStart()

			err := partner.Run(harness.Within(t), syncmod.Step{}, syncmod.Step{Run: untilDone})

			require.ErrorIs(t, err, syncmod.ErrPeerAborted)
			for _, err := range []error{err, c.Err()} {
				require.ErrorContains(t, err, "store keys")
				require.ErrorContains(t, err, "disk full")
			}
			require.ErrorIs(t, c.Err(), syncmod.ErrAborted)
			require.ErrorIs(t, c.Err(), errFull)
			app.RequireStop()
		})
	}
}

func TestTheStackOfAPanicIsLogged(t *testing.T) {
	h, def, partner := newPair(t)
	log, lines := logtest.NewNullLogger()
	app := fxtest.New(
		t, fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return h }), fx.Supply(log, harness.Fast(), def),
		syncmod.RunSteps(func() []syncmod.Step {
			return []syncmod.Step{{Name: "divide", Run: func(context.Context) error { return dividing(0) }}}
		}),
	)
	app.RequireStart()

	require.Error(t, partner.Run(harness.Within(t), syncmod.Step{Run: untilDone}))

	app.RequireStop()
	require.True(t, slices.ContainsFunc(lines.AllEntries(), func(e *logrus.Entry) bool {
		stack, _ := e.Data["stack"].(string)
		return strings.Contains(stack, "syncmod_test.dividing")
	}))
}

//go:noinline
func dividing(n int) error { return fmt.Errorf("%d", 1/n) }

func TestALongLivedNodeOpensCeremonies(t *testing.T) {
	noLeaks(t)
	h, other := harness.NewHost(t), harness.NewHost(t)
	var service *syncmod.Service
	app := fxtest.New(t, syncmod.Module, given(h), fx.Populate(&service))
	partner := harness.StartService(t, other, harness.Fast())
	_, err := service.Open(harness.Define("too early", h, other))
	require.ErrorIs(t, err, syncmod.ErrStopped)

	for range 2 { // an app may be started again
		app.RequireStart()
		var ceremonies []*syncmod.Ceremony
		for _, about := range []string{"one", "two"} { // at the same time
			for _, s := range []*syncmod.Service{service, partner} {
				c, err := s.Open(harness.Define(about, h, other))
				require.NoError(t, err)
				ceremonies = append(ceremonies, c)
			}
		}
		_, err := service.Open(harness.Define("one", h, other))
		require.ErrorIs(t, err, syncmod.ErrOpen)
		ctx := harness.Within(t)
		harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Run(ctx, syncmod.Step{}) })
		require.Len(t, service.Ceremonies(), 2)
		harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Close(ctx) })
		require.Empty(t, service.Ceremonies())
		app.RequireStop()
		_, err = service.Open(harness.Define("too late", h, other))
		require.ErrorIs(t, err, syncmod.ErrStopped)
	}
}
