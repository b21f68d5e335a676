package syncmod_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

var errOffline = errors.New("there is no such file")

func TestModuleIfHostNeedsAHost(t *testing.T) {
	offline := fx.Provide(
		func() (syncmod.Definition, error) { return syncmod.Definition{}, errOffline },
		func() (syncmod.Config, error) { return syncmod.Config{}, errOffline },
	)
	steps := syncmod.RunSteps(func(*syncmod.Service) ([]syncmod.Step, error) { return nil, errOffline })
	module := syncmod.ModuleIfHost
	for about, options := range map[string]fx.Option{
		"alone":                          module,
		"with steps":                     fx.Options(module, offline, steps),
		"steps first":                    fx.Options(steps, offline, module),
		"steps that would fail":          fx.Options(module, offline, syncmod.RunSteps(failingSteps)),
		"steps that lack something else": fx.Options(module, offline, syncmod.RunSteps(lackingSteps)),
		"without a definition":           fx.Options(module, steps),
		"in an fx.Module of its own":     fx.Module("synchronization", module, offline, steps),
		"with OnEnd": fx.Options(module, offline, steps, syncmod.OnEnd(func(*syncmod.Ceremony) {
			panic("nothing ends")
		})),
	} {
		t.Run(about, func(t *testing.T) {
			var optional struct {
				fx.In
				Service  *syncmod.Service  `optional:"true"`
				Ceremony *syncmod.Ceremony `optional:"true"`
			}
			app := fx.New(fx.NopLogger, fx.Supply(harness.Quiet()), options, fx.Populate(&optional))

			require.NoError(t, app.Start(t.Context()))
			require.NoError(t, app.Stop(t.Context()))
			require.Nil(t, optional.Service)
			require.Nil(t, optional.Ceremony)
		})
	}
}

func failingSteps() ([]syncmod.Step, error) { return nil, errOffline }

func lackingSteps(*bytes.Buffer) []syncmod.Step { return nil }

func TestAMissingHostIsNamed(t *testing.T) {
	var service *syncmod.Service

	app := fx.New(fx.NopLogger, syncmod.ModuleIfHost, fx.Populate(&service))

	require.ErrorContains(t, app.Err(), "host.Host")
}

func TestModuleIfHostWithAHostIsTheModule(t *testing.T) {
	noLeaks(t)
	h, def, partner := newPair(t)
	var c *syncmod.Ceremony
	app := fxtest.New(t, syncmod.RunSteps(noSteps), syncmod.ModuleIfHost, given(h), fx.Supply(def), fx.Populate(&c))
	app.RequireStart()

	require.NoError(t, partner.Run(harness.Within(t)))

	harness.Next(t, c.Done())
	require.NoError(t, c.Err())
	app.RequireStop()
}

func TestModuleIfHostNeedsTheRest(t *testing.T) {
	h := harness.NewSilentHost(t)
	aHost := fx.Provide(func() host.Host { return h })
	aDefinition := fx.Supply(unattended(t, h))
	steps := syncmod.RunSteps(noSteps)
	for about, test := range map[string]struct {
		option fx.Option
		with   string // what the error of Module names
		ifHost string // what the error of ModuleIfHost says
	}{
		"the host lacks a dependency": {
			fx.Provide(func(*bytes.Buffer) host.Host { return h }),
			"bytes.Buffer", "the graph has a host.Host that cannot be made",
		},
		"a dependency of the host lacks a dependency": {
			fx.Options(
				fx.Provide(func(*bytes.Reader) host.Host { return h }),
				fx.Provide(func(*bytes.Buffer) *bytes.Reader { return nil }),
				aDefinition, steps,
			),
			"bytes.Buffer", "the graph has a host.Host that cannot be made",
		},
		"the steps lack a dependency": {
			fx.Options(aHost, aDefinition, syncmod.RunSteps(lackingSteps)),
			"bytes.Buffer", "replace syncmod.ModuleIfHost with syncmod.Module, and fx will name it",
		},
		"the attempts lack a dependency": {
			fx.Options(aHost, aDefinition, syncmod.RunAttempts(func(*bytes.Buffer) makesSteps { return nil })),
			"bytes.Buffer", "syncmod.RunSteps or RunAttempts: the graph has a host",
		},
		"the definition lacks a dependency": {
			fx.Options(aHost, steps, fx.Provide(func(*bytes.Buffer) syncmod.Definition { panic("never") })),
			"bytes.Buffer", "replace syncmod.ModuleIfHost with syncmod.Module, and fx will name it",
		},
		"the steps lack a definition": {
			fx.Options(aHost, steps),
			"syncmod.Definition", "replace syncmod.ModuleIfHost with syncmod.Module, and fx will name it",
		},
		"the Config lacks a dependency": {
			fx.Options(aHost, fx.Provide(func(*bytes.Buffer) syncmod.Config { panic("never") })),
			"the graph has a syncmod.Config that cannot be made",
			"the graph has a syncmod.Config that cannot be made",
		},
	} {
		t.Run(about, func(t *testing.T) {
			require.ErrorContains(t, fx.New(fx.NopLogger, test.option, syncmod.Module).Err(), test.with)
			require.ErrorContains(t, fx.New(fx.NopLogger, syncmod.Module, test.option).Err(), test.with)
			require.ErrorContains(t, fx.New(fx.NopLogger, test.option, syncmod.ModuleIfHost).Err(), test.ifHost)
			require.ErrorContains(t, fx.New(fx.NopLogger, syncmod.ModuleIfHost, test.option).Err(), test.ifHost)
		})
	}
}
