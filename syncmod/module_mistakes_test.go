package syncmod_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// givenLog is like given, but has a log that the test reads.
func givenLog(h host.Host) (options fx.Option, lines *logtest.Hook) {
	log, lines := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	return fx.Options(fx.NopLogger, fx.Provide(func() host.Host { return h }), fx.Supply(log, harness.Fast())), lines
}

func said(lines *logtest.Hook, level logrus.Level, text string) (times int) {
	for _, line := range lines.AllEntries() {
		if line.Level == level && strings.Contains(line.Message, text) {
			times++
		}
	}
	return times
}

func startAndStop(t *testing.T, app *fx.App) {
	t.Helper()
	require.NoError(t, app.Start(t.Context()))
	require.NoError(t, app.Stop(t.Context()))
}

func TestAPointerToAConfigIsRefused(t *testing.T) {
	aHost := fx.Provide(func() host.Host { panic("not before the Config is right") })
	pointer := fx.Supply(new(syncmod.Config))

	err := fx.New(fx.NopLogger, syncmod.Module, aHost, pointer).Err()

	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorContains(t, err, "the graph has a *syncmod.Config, which is ignored: supply the Config itself")
	h := harness.NewSilentHost(t)
	require.NoError(t, fx.New(syncmod.Module, given(h), pointer).Err(), "a Config is there as well")
}

func TestAPointerToADefinitionIsRefused(t *testing.T) {
	h := harness.NewSilentHost(t)
	aHost := fx.Provide(func() host.Host { return h })
	def := unattended(t, h)
	for about, module := range map[string]fx.Option{"Module": syncmod.Module, "ModuleIfHost": syncmod.ModuleIfHost} {
		err := fx.New(fx.NopLogger, module, aHost, fx.Supply(&def)).Err()

		require.ErrorIs(t, err, syncmod.ErrInvalid, about)
		require.ErrorContains(t, err,
			"the graph has a *syncmod.Definition, which is ignored: supply the Definition itself", about)
		require.NoError(t, fx.New(fx.NopLogger, module, aHost, fx.Supply(def, &def)).Err(), about)
	}
}

// The test tries each decorator, in each order. dig does not call a failed decorator
// again, and then returns the undecorated value.
func TestABrokenDecoratorIsAnError(t *testing.T) {
	h := harness.NewSilentHost(t)
	aHost := fx.Provide(func() host.Host { return h })
	def := fx.Supply(unattended(t, h))
	decorated := fx.Decorate(func(syncmod.Definition, *strings.Builder) syncmod.Definition { panic("never") })
	manySteps := syncmod.RunAttempts(func() func(*syncmod.Ceremony) ([]syncmod.Step, error) { return nil })
	for about, asks := range map[string]fx.Option{
		"nobody":         fx.Options(),
		"steps":          syncmod.RunSteps(noSteps),
		"attempts":       manySteps,
		"the ceremony":   fx.Invoke(func(*syncmod.Ceremony) { panic("never") }),
		"the definition": fx.Invoke(func(syncmod.Definition) { panic("never") }),
	} {
		for _, module := range []fx.Option{syncmod.Module, syncmod.ModuleIfHost} {
			require.ErrorContains(t, fx.New(fx.NopLogger, module, aHost, def, decorated, asks).Err(),
				"the graph has a syncmod.Definition that cannot be made: "+
					"something is missing that an fx.Decorate of this type needs", about)
			require.Error(t, fx.New(fx.NopLogger, asks, aHost, def, decorated, module).Err(), about)
		}
	}
	require.ErrorContains(t, fx.New(fx.NopLogger, syncmod.Module, given(h),
		fx.Decorate(func(syncmod.Config, *strings.Builder) syncmod.Config { panic("never") })).Err(),
		"the graph has a syncmod.Config that cannot be made: "+
			"something is missing that an fx.Decorate of this type needs")
}

func TestAConfigMayBeDecorated(t *testing.T) {
	config := harness.Fast()
	config.Nickname = "from " + strings.Repeat("far ", 10) + "away"
	for about, option := range map[string]fx.Option{
		"decorated": fx.Decorate(func(c syncmod.Config) syncmod.Config {
			c.Nickname = config.Nickname
			return c
		}),
		"replaced": fx.Replace(config),
	} {
		app := fx.New(syncmod.Module, given(harness.NewSilentHost(t)), option)

		require.ErrorContains(t, app.Err(), "Config.Nickname", about)
	}
}

func TestAnUnusedDefinitionIsLogged(t *testing.T) {
	h := harness.NewSilentHost(t)
	const text = "add syncmod.RunSteps, or ask for the *syncmod.Ceremony"
	def := fx.Supply(unattended(t, h))
	opensIt := fx.Invoke(func(lc fx.Lifecycle, s *syncmod.Service, d syncmod.Definition) {
		lc.Append(fx.StartHook(func() error {
			_, err := s.Open(d)
			return err
		}))
	})
	for about, test := range map[string]struct {
		options   fx.Option
		mentioned bool
	}{
		"nobody asks": {def, true},
		"nobody asks, and the definition cannot be made": {
			fx.Provide(func(*strings.Builder) syncmod.Definition { panic("never") }), true,
		},
		"there is none":               {fx.Options(), false},
		"a program asks":              {fx.Options(def, fx.Invoke(func(*syncmod.Ceremony) {})), false},
		"steps ask":                   {fx.Options(def, syncmod.RunSteps(noSteps)), false},
		"a program opens it by hand":  {fx.Options(def, opensIt), false},
		"ModuleIfHost, and no others": {fx.Options(def), true},
	} {
		t.Run(about, func(t *testing.T) {
			node, lines := givenLog(h)
			module := syncmod.Module
			if strings.HasPrefix(about, "ModuleIfHost") {
				module = syncmod.ModuleIfHost
			}
			app := fx.New(node, module, test.options, fx.Replace(syncmod.Config{OpenGrace: 50 * time.Millisecond}))
			require.NoError(t, app.Start(t.Context()))
			defer func() { require.NoError(t, app.Stop(context.WithoutCancel(t.Context()))) }()

			if test.mentioned {
				mentioned := func() bool { return said(lines, logrus.WarnLevel, text) == 1 }
				harness.Eventually(t, mentioned, "it is mentioned")
				return
			}
			<-time.After(200 * time.Millisecond) // nothing shows that no line will follow
			require.Zero(t, said(lines, logrus.WarnLevel, text))
		})
	}
}

func TestAnInvalidUnusedDefinitionIsRefused(t *testing.T) {
	h := harness.NewSilentHost(t)
	def := unattended(t, h)
	def.Hash = nil

	app := fx.New(syncmod.Module, given(h), fx.Supply(def))

	require.ErrorIs(t, app.Err(), syncmod.ErrInvalid)
	require.ErrorContains(t, app.Err(), "Definition.Hash")
}

func TestTheGraphsContentsAreLogged(t *testing.T) {
	node, lines := givenLog(harness.NewSilentHost(t))

	meters := fx.Supply(fx.Annotate(new(spyMeters), fx.As(new(metric.MeterProvider))))
	startAndStop(t, fx.New(node, syncmod.Module, meters))

	require.Equal(t, 1, said(lines, logrus.InfoLevel, "ready to synchronize"))
	require.Equal(t, 1, said(lines, logrus.DebugLevel,
		"found in the graph: Config, *logrus.Logger, metric.MeterProvider"))
}

func TestASharedMeterIsLogged(t *testing.T) {
	const text = "another service of this process has the same metric.MeterProvider"
	start := func(meters metric.MeterProvider) (lines *logtest.Hook, stop func()) {
		log, lines := logtest.NewNullLogger()
		s, err := syncmod.NewService(harness.NewSilentHost(t), harness.Fast(),
			syncmod.WithLogger(log), syncmod.WithMeterProvider(meters))
		require.NoError(t, err)
		require.NoError(t, s.Start(t.Context()))
		return lines, func() { require.NoError(t, s.Stop(context.WithoutCancel(t.Context()))) }
	}
	meters := new(spyMeters)
	first, stopFirst := start(meters)
	second, stopSecond := start(meters)
	other, stopOther := start(new(spyMeters))
	stopFirst()
	stopSecond()
	stopOther()
	later, stopLater := start(meters)
	stopLater()

	require.Equal(t, 1, said(second, logrus.WarnLevel, text))
	for _, lines := range []*logtest.Hook{first, other, later} {
		require.Zero(t, said(lines, logrus.WarnLevel, text))
	}
}

func TestAWaitInAnOnStartHookEndsWithAdvice(t *testing.T) {
	const advice = "use syncmod.RunSteps, or wait in a goroutine"
	noLeaks(t)
	for about, wait := range map[string]func(context.Context, *syncmod.Ceremony) error{
		"connecting": func(ctx context.Context, c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) },
		"a whole run, with a derived context": func(ctx context.Context, c *syncmod.Ceremony) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			return c.Run(ctx)
		},
	} {
		for when, newOptions := range map[string]func(hook fx.Option, c **syncmod.Ceremony) fx.Option{
			"before it is open": func(hook fx.Option, c **syncmod.Ceremony) fx.Option {
				return fx.Options(hook, syncmod.Module, fx.Populate(c))
			},
			"once it is open": func(hook fx.Option, c **syncmod.Ceremony) fx.Option {
				return fx.Options(syncmod.Module, fx.Populate(c), hook)
			},
		} {
			t.Run(about+" "+when, func(t *testing.T) {
				t.Parallel()
				h := harness.NewSilentHost(t)
				def := unattended(t, h)
				var c *syncmod.Ceremony
				hook := fx.Invoke(func(lc fx.Lifecycle) {
					lc.Append(fx.StartHook(func(ctx context.Context) error { return wait(ctx, c) }))
				})
				app := fx.New(given(h), fx.Supply(def), newOptions(hook, &c))
				const timeout = 5 * time.Second
				elapsed := harness.Stopwatch(t)

				err := app.Start(harness.Due(t, timeout))

				require.Less(t, elapsed(), timeout, "in time for fx to undo the start")
				require.ErrorContains(t, err, advice)
				require.ErrorContains(t, err, "bob")
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
				require.False(t, h.ConnManager().IsProtected(def.Peers[1].ID, ""))
			})
		}
	}
}

// In virtual time, the wait is mentioned before the program gives up.
func TestAWaitInAnInvokeIsLogged(t *testing.T) {
	key := harness.NewKey(t)
	id, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	other := syncmod.Peer{ID: harness.NewSilentHost(t).ID(), Name: "bob"}
	synctest.Test(t, func(t *testing.T) {
		store, err := pstoremem.NewPeerstore()
		require.NoError(t, err)
		defer func() { _ = store.Close() }()
		require.NoError(t, store.AddPrivKey(id, key))
		node, lines := givenLog(namedHost{id: id, store: store})
		def := syncmod.Definition{Hash: []byte{1}, Peers: []syncmod.Peer{{ID: id}, other}}

		app := fx.New(
			node, syncmod.Module, fx.Supply(def),
			fx.Invoke(func(c *syncmod.Ceremony) error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				return c.AwaitConnected(ctx)
			}),
		)

		require.ErrorContains(t, app.Err(), "the ceremony is not open")
		require.Equal(t, 1, said(lines, logrus.WarnLevel,
			"something has been waiting for 5s: the ceremony is not open"))
	})
}

func TestAWaitAfterTheStartGetsNoAdvice(t *testing.T) {
	h := harness.NewSilentHost(t)
	var c *syncmod.Ceremony
	app := fx.New(syncmod.Module, given(h), fx.Supply(unattended(t, h)), fx.Populate(&c))
	starting, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	require.NoError(t, app.Start(starting))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()

	err := c.AwaitConnected(ctx)

	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotContains(t, err.Error(), "RunSteps")
	require.NoError(t, app.Stop(t.Context()))
}

// The log names the step and the task, so a search for either finds what holds up the
// stop.
func TestAStepThatBlocksTheStopIsNamed(t *testing.T) {
	h, def, partner := newPair(t)
	node, lines := givenLog(h)
	began, released := make(chan struct{}), make(chan struct{})
	app := fx.New(node, syncmod.Module, fx.Supply(def), syncmod.RunSteps(func() []syncmod.Step {
		return []syncmod.Step{{Name: "store keys", Run: func(context.Context) error {
			close(began)
			<-released
			return nil
		}}}
	}))
	require.NoError(t, app.Start(t.Context()))
	go func() { _ = partner.Run(context.Background(), syncmod.Step{Run: untilDone}) }()
	harness.Next(t, began)

	stopped := inBackground(func() error { return app.Stop(harness.Within(t)) })

	harness.Eventually(t, func() bool {
		return said(lines, logrus.WarnLevel, `step "store keys" is still running`) > 0 &&
			said(lines, logrus.WarnLevel, "waiting for ceremony steps") > 0
	}, "a line names what holds up the stop")
	close(released)
	require.NoError(t, harness.Next(t, stopped))
}
