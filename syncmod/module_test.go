package syncmod_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/test"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

// newSilentHost makes a host that listens nowhere.
func newSilentHost(t testing.TB) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// given supplies what an app takes from its program: the host, a Config and a
// logger.
func given(h host.Host) fx.Option {
	return fx.Options(fx.NopLogger, fx.Provide(func() host.Host { return h }), fx.Supply(fast(), quiet()))
}

func noSteps() []syncmod.Step { return nil }

// newPair makes the host of an app, and a partner: the other member, which has
// the ceremony open on a plain service.
func newPair(t testing.TB) (h host.Host, def syncmod.Definition, partner *syncmod.Ceremony) {
	t.Helper()
	h, other := newHost(t), newHost(t)
	def = definitionOf(t.Name(), h, other)
	partner, err := startService(t, other, fast()).Open(def)
	require.NoError(t, err)
	return h, def, partner
}

// noLeaks fails a test that leaves a goroutine behind, once its hosts are closed.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// inBackground calls a function at once and returns where its error comes out.
func inBackground(f func() error) <-chan error {
	out := make(chan error, 1)
	go func() { out <- f() }()
	return out
}

// receive waits for what comes out of a channel, or for its being closed.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-within(t).Done():
		require.Fail(t, "it has not come")
		panic("unreachable")
	}
}

// waitUntil waits for a ceremony to be as a function wants it.
func waitUntil(t testing.TB, c *syncmod.Ceremony, is func(syncmod.Status) bool) {
	t.Helper()
	var last syncmod.Status
	for last = range c.Watch(within(t)) {
		if is(last) {
			return
		}
	}
	require.Fail(t, "the ceremony has not come so far", "%+v", last)
}

func isIn(phase syncmod.Phase) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool { return s.Phase == phase }
}

func TestTheModuleNeedsAHostAndNothingElse(t *testing.T) {
	aHost := fx.Provide(func() host.Host { panic("nothing is made") })

	require.NoError(t, fx.ValidateApp(fx.NopLogger, syncmod.Module, aHost))
	require.NoError(t, fx.ValidateApp(fx.NopLogger, syncmod.Module, aHost, fx.Supply(syncmod.Definition{}), syncmod.RunSteps(noSteps)))
	require.ErrorContains(t, fx.ValidateApp(fx.NopLogger, syncmod.Module), "host.Host")
}

func TestACeremonyNeedsADefinition(t *testing.T) {
	var c *syncmod.Ceremony
	for about, asks := range map[string]fx.Option{"steps": syncmod.RunSteps(noSteps), "a program": fx.Populate(&c)} {
		app := fx.New(syncmod.Module, given(newSilentHost(t)), asks)

		require.ErrorContains(t, app.Err(), "syncmod.Definition", about)
	}
}

// namedHost is a host that has a name and a key, and of which nothing else may be
// used.
type namedHost struct {
	host.Host

	id    peer.ID
	store peerstore.Peerstore
}

func (h namedHost) ID() peer.ID                    { return h.id }
func (h namedHost) Peerstore() peerstore.Peerstore { return h.store }

func TestMakingAnAppTouchesNothing(t *testing.T) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	require.NoError(t, err)
	id, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	store, err := pstoremem.NewPeerstore()
	require.NoError(t, err)
	defer func() { _ = store.Close() }()
	require.NoError(t, store.AddPrivKey(id, key))
	other, err := test.RandPeerID()
	require.NoError(t, err)
	def := syncmod.Definition{Hash: []byte{1}, Peers: []syncmod.Peer{{ID: id}, {ID: other, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/9")}}}}
	running := goleak.IgnoreCurrent()

	app := fx.New(syncmod.Module, given(namedHost{id: id, store: store}), fx.Supply(def), syncmod.RunSteps(noSteps))

	require.NoError(t, app.Err())
	goleak.VerifyNone(t, running)
	require.Empty(t, store.PeersWithAddrs())
}

func TestACeremonyWhoseAppNeverStartedIsClosedWithoutNoise(t *testing.T) {
	h := newSilentHost(t)
	log, lines := logtest.NewNullLogger()
	var c *syncmod.Ceremony
	app := fx.New(
		fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return h }), fx.Supply(log, definitionOf(t.Name(), h, newSilentHost(t))),
		syncmod.Configure(syncmod.Config{ShutdownOnFailure: true}), syncmod.RunSteps(noSteps), fx.Populate(&c),
	)
	require.NoError(t, app.Err())

	require.NoError(t, app.Stop(t.Context()))
	require.NoError(t, c.Close(t.Context()))

	require.ErrorIs(t, c.Err(), syncmod.ErrStopped)
	for _, line := range lines.AllEntries() {
		require.GreaterOrEqual(t, line.Level, logrus.InfoLevel, line.Message)
	}
}

func TestStepsRunInLockstepInTheBackgroundOfAnApp(t *testing.T) {
	type keystore struct{ stored []string }
	step := func(store *keystore, name string) syncmod.Step {
		return syncmod.Step{Name: name, Run: func(context.Context) error { store.stored = append(store.stored, name); return nil }}
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
			app := fxtest.New(t, syncmod.Module, given(h), fx.Supply(def, store), syncmod.RunSteps(constructor), fx.Populate(&c))
			app.RequireStart()

			require.NoError(t, partner.Run(within(t), syncmod.Step{Name: "exchange"}, syncmod.Step{Name: "store"}))

			receive(t, c.Done())
			require.NoError(t, c.Err())
			require.Equal(t, []string{"exchange", "store"}, store.stored)
			app.RequireStop()
			require.Equal(t, syncmod.Complete, c.Status().Phase)
		})
	}
}

func TestStepsThatCannotBeMadeFailTheApp(t *testing.T) {
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
			h := newSilentHost(t)

			app := fx.New(
				syncmod.Module, given(h), fx.Supply(definitionOf(t.Name(), h, newSilentHost(t))), syncmod.RunSteps(test.constructor),
			)

			require.ErrorContains(t, app.Err(), test.want)
		})
	}
}

func TestStepsComeFromOneRunSteps(t *testing.T) {
	h := newSilentHost(t)

	app := fx.New(
		syncmod.Module, given(h), fx.Supply(definitionOf(t.Name(), h, newSilentHost(t))), syncmod.RunSteps(noSteps), syncmod.RunSteps(noSteps),
	)

	require.ErrorContains(t, app.Err(), "onlyOneRunSteps")
}

func TestAStepThatFailsFailsTheCeremonyForEveryoneByItsName(t *testing.T) {
	for about, run := range map[string]func(context.Context) error{
		"an error": func(context.Context) error { return errFull },
		"a panic":  func(context.Context) error { panic(errFull) },
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			var c *syncmod.Ceremony
			steps := []syncmod.Step{{Name: "exchange"}, {Name: "store keys", Run: run}}
			app := fxtest.New(t, syncmod.Module, given(h), fx.Supply(def), syncmod.RunSteps(func() []syncmod.Step { return steps }), fx.Populate(&c))
			app.RequireStart()

			err := partner.Run(within(t), syncmod.Step{}, syncmod.Step{Run: untilDone})

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
		t, fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return h }), fx.Supply(log, fast(), def),
		syncmod.RunSteps(func() []syncmod.Step {
			return []syncmod.Step{{Name: "divide", Run: func(context.Context) error { return dividing(0) }}}
		}),
	)
	app.RequireStart()

	require.Error(t, partner.Run(within(t), syncmod.Step{Run: untilDone}))

	app.RequireStop()
	require.True(t, slices.ContainsFunc(lines.AllEntries(), func(e *logrus.Entry) bool {
		stack, _ := e.Data["stack"].(string)
		return strings.Contains(stack, "syncmod_test.dividing")
	}))
}

//go:noinline
func dividing(n int) error { return fmt.Errorf("%d", 1/n) }

func TestALongLivedNodeOpensCeremoniesWhenTheyCome(t *testing.T) {
	noLeaks(t)
	h, other := newHost(t), newHost(t)
	var service *syncmod.Service
	app := fxtest.New(t, syncmod.Module, given(h), fx.Populate(&service))
	partner := startService(t, other, fast())
	_, err := service.Open(definitionOf("too early", h, other))
	require.ErrorIs(t, err, syncmod.ErrStopped)

	for range 2 { // an app may be started again
		app.RequireStart()
		var ceremonies []*syncmod.Ceremony
		for _, about := range []string{"one", "two"} { // at once
			for _, s := range []*syncmod.Service{service, partner} {
				c, err := s.Open(definitionOf(about, h, other))
				require.NoError(t, err)
				ceremonies = append(ceremonies, c)
			}
		}
		_, err := service.Open(definitionOf("one", h, other))
		require.ErrorIs(t, err, syncmod.ErrOpen)
		ctx := within(t)
		requireNone(t, everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error { return c.Run(ctx, syncmod.Step{}) }))
		require.Len(t, service.Ceremonies(), 2)
		requireNone(t, everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error { return c.Close(ctx) }))
		require.Empty(t, service.Ceremonies())
		app.RequireStop()
		_, err = service.Open(definitionOf("too late", h, other))
		require.ErrorIs(t, err, syncmod.ErrStopped)
	}
}

func TestAClosedCeremonyIsNotReopenedWhenItsAppStartsAgain(t *testing.T) {
	h := newSilentHost(t)
	var c *syncmod.Ceremony
	app := fx.New(syncmod.Module, given(h), fx.Supply(definitionOf(t.Name(), h, newSilentHost(t))), fx.Populate(&c))
	require.NoError(t, app.Start(t.Context()))
	require.NoError(t, app.Stop(t.Context()))
	require.NoError(t, app.Stop(t.Context()), "stopping twice")

	err := app.Start(t.Context())

	require.ErrorIs(t, err, syncmod.ErrStopped)
	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
}

func TestAHookThatFailsLaterUndoesTheStart(t *testing.T) {
	noLeaks(t)
	h, def, partner := newPair(t)
	errLater := errors.New("no database")
	var c *syncmod.Ceremony
	app := fx.New(
		syncmod.Module, given(h), fx.Supply(def), syncmod.RunSteps(noSteps), fx.Populate(&c),
		fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() error { return errLater })) }),
	)

	err := app.Start(within(t))

	require.ErrorIs(t, err, errLater)
	require.ErrorIs(t, c.Err(), syncmod.ErrStopped)
	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
	require.NotContains(t, addrsOf(h, partner), "/tcp/")
	require.NoError(t, partner.Err(), "others go on waiting")
}

// addrsOf is where a host would look for the partner, without those that a
// connection to it has taught the host.
func addrsOf(h host.Host, partner *syncmod.Ceremony) string {
	other := partner.Definition().Peers[1]
	for _, conn := range h.Network().ConnsToPeer(other.ID) {
		_ = conn.Close()
	}
	if slices.ContainsFunc(h.Peerstore().Addrs(other.ID), func(a multiaddr.Multiaddr) bool { return a.Equal(other.Addrs[0]) }) {
		return other.Addrs[0].String()
	}
	return ""
}

// deafHost is a host whose events cannot be listened to.
type deafHost struct{ host.Host }

var errDeaf = errors.New("no events")

func (h deafHost) EventBus() event.Bus { return deafBus{h.Host.EventBus()} }

type deafBus struct{ event.Bus }

func (deafBus) Subscribe(any, ...event.SubscriptionOpt) (event.Subscription, error) {
	return nil, errDeaf
}

func TestAStartThatFailsHalfWayIsUndone(t *testing.T) {
	noLeaks(t)
	h := newSilentHost(t)
	var service *syncmod.Service
	app := fx.New(syncmod.Module, given(deafHost{h}), fx.Populate(&service))
	require.NoError(t, app.Err())

	for about, start := range map[string]func(context.Context) error{"app": app.Start, "service": service.Start} {
		require.ErrorIs(t, start(t.Context()), errDeaf, about)
		require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID, about)
	}
	_, err := service.Open(definitionOf(t.Name(), h, newSilentHost(t)))
	require.ErrorIs(t, err, syncmod.ErrStopped)
}

func TestANodeDoesNotStartWhenAnotherHandlesTheProtocol(t *testing.T) {
	h := newSilentHost(t)
	h.SetStreamHandler(syncmod.ProtocolID, func(s network.Stream) { _ = s.Reset() })
	app := fx.New(syncmod.Module, given(h))

	err := app.Start(t.Context())

	require.ErrorContains(t, err, string(syncmod.ProtocolID))
	require.Contains(t, h.Mux().Protocols(), syncmod.ProtocolID, "what is not ours stays")
	require.NoError(t, app.Stop(t.Context()))
	require.Contains(t, h.Mux().Protocols(), syncmod.ProtocolID)
}

func TestANodeWorksOnWhenItsStartContextHasEnded(t *testing.T) {
	h, def, partner := newPair(t)
	var c *syncmod.Ceremony
	app := fx.New(syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c))
	starting, cancel := context.WithCancel(t.Context())
	require.NoError(t, app.Start(starting))
	cancel() // as fx does

	requireNone(t, everyone([]*syncmod.Ceremony{c, partner}, func(_ int, c *syncmod.Ceremony) error { return c.Run(within(t), syncmod.Step{}) }))

	require.NoError(t, app.Stop(within(t)))
}

func TestStoppingEndsEveryWait(t *testing.T) {
	for about, test := range map[string]struct {
		reach func(t *testing.T, c, partner *syncmod.Ceremony) (waiting <-chan error)
		told  error // what the partner fails with, if anything
	}{
		"connecting": {reach: func(t *testing.T, c, _ *syncmod.Ceremony) <-chan error {
			return inBackground(func() error { return c.AwaitStep(within(t), 1) })
		}},
		"running": {told: syncmod.ErrPeerAborted, reach: func(t *testing.T, c, partner *syncmod.Ceremony) <-chan error {
			requireNone(t, everyone([]*syncmod.Ceremony{c, partner}, func(_ int, c *syncmod.Ceremony) error { _, err := c.Advance(within(t)); return err }))
			waiting := inBackground(func() error { _, err := c.Advance(within(t)); return err })
			waitUntil(t, c, func(s syncmod.Status) bool { return s.Step == 2 })
			return waiting
		}},
		"completing": {told: syncmod.ErrPeerAborted, reach: func(t *testing.T, c, partner *syncmod.Ceremony) <-chan error {
			requireNone(t, everyone([]*syncmod.Ceremony{c, partner}, func(_ int, c *syncmod.Ceremony) error { _, err := c.Advance(within(t)); return err }))
			waiting := inBackground(func() error { return c.Complete(within(t)) })
			waitUntil(t, c, isIn(syncmod.Completing))
			return waiting
		}},
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			var c *syncmod.Ceremony
			app := fxtest.New(t, syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c))
			app.RequireStart()
			waiting := test.reach(t, c, partner)

			app.RequireStop()

			require.ErrorIs(t, receive(t, waiting), syncmod.ErrStopped)
			if test.told == nil {
				require.NoError(t, partner.Err())
				return
			}
			receive(t, partner.Done())
			require.ErrorIs(t, partner.Err(), test.told)
			require.ErrorContains(t, partner.Err(), "operator 0 (alice) was stopped")
		})
	}
}

func TestAnAppThatStopsDuringTheGoodbyesCompletesAndLeavesTimeForTheOtherHooks(t *testing.T) {
	for about, steps := range map[string]fx.Option{
		"steps":     syncmod.RunSteps(noSteps),
		"a program": fx.Invoke(func(c *syncmod.Ceremony) { go func() { _ = c.Complete(context.Background()) }() }),
		"a service": fx.Invoke(func(lc fx.Lifecycle, s *syncmod.Service, d syncmod.Definition) {
			lc.Append(fx.StartHook(func() error {
				c, err := s.Open(d)
				go func() { _ = c.Complete(context.Background()) }()
				return err
			}))
		}),
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			var service *syncmod.Service
			hostStopped := false
			app := fx.New(
				fx.NopLogger, syncmod.Module, fx.Supply(fast(), quiet(), def), fx.Populate(&service),
				fx.Provide(func(lc fx.Lifecycle) host.Host {
					lc.Append(fx.StopHook(func() { hostStopped = true }))
					return h
				}),
				steps,
			)
			require.NoError(t, app.Start(within(t)))
			c := service.Ceremonies()[0]
			_, err := partner.Advance(within(t)) // and never a goodbye
			require.NoError(t, err)
			waitUntil(t, partner, func(s syncmod.Status) bool { return s.Peers[0].Done })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()

			err = app.Stop(ctx)

			require.NoError(t, err)
			require.NoError(t, ctx.Err())
			require.True(t, hostStopped)
			require.Equal(t, syncmod.Complete, c.Status().Phase)
			require.NoError(t, c.Err())
		})
	}
}

// deadPeers are members that will never answer.
var deadPeers = map[string]func(t *testing.T) (h host.Host, addr multiaddr.Multiaddr, reached <-chan struct{}){
	"a listener that accepts and stays mute": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		addr, err := manet.FromNetAddr(listener.Addr())
		require.NoError(t, err)
		reached := make(chan struct{})
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				close(reached)
				t.Cleanup(func() { _ = conn.Close() })
			}
		}()
		return newSilentHost(t), addr, reached
	},
	"an address that leads nowhere": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		reached := make(chan struct{})
		close(reached)
		return newSilentHost(t), multiaddr.StringCast("/ip4/192.0.2.1/tcp/9"), reached
	},
	"a host that never answers": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		h, reached := newHost(t), make(chan struct{})
		h.SetStreamHandler(syncmod.ProtocolID, func(network.Stream) { close(reached) })
		return h, h.Addrs()[0], reached
	},
	"a host that is killed": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		h, reached := newHost(t), make(chan struct{})
		var once sync.Once
		h.SetStreamHandler(syncmod.ProtocolID, func(network.Stream) {
			once.Do(func() {
				go func() {
					_ = h.Close()
					close(reached)
				}()
			})
		})
		return h, h.Addrs()[0], reached
	},
}

func TestAnAppStopsQuicklyWhateverItsPeersDo(t *testing.T) {
	for about, newDead := range deadPeers {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h := newHost(t)
			dead, addr, reached := newDead(t)
			def := definitionOf(t.Name(), h, dead)
			def.Peers[1].Addrs = []multiaddr.Multiaddr{addr}
			app := fx.New(syncmod.Module, given(h), fx.Supply(def), syncmod.RunSteps(noSteps))
			require.NoError(t, app.Start(t.Context()))
			receive(t, reached)
			began := time.Now()

			err := app.Stop(context.Background())

			require.NoError(t, err)
			require.Less(t, time.Since(began), 5*time.Second, "under a second, but for a slow machine")
		})
	}
}

// hookSpy notes in which order hooks are called.
type hookSpy struct{ started, stopped []string }

func (s *hookSpy) LogEvent(e fxevent.Event) {
	switch e := e.(type) {
	case *fxevent.OnStartExecuted:
		s.started = append(s.started, e.FunctionName)
	case *fxevent.OnStopExecuted:
		s.stopped = append(s.stopped, e.FunctionName)
	}
}

// owner is a component of the program that is started and stopped like others.
type owner struct{}

func (*owner) StartHost()     {}
func (*owner) StopHost()      {}
func (*owner) StopTelemetry() {}

func TestHooksRunInTheOrderOfWhatNeedsWhat(t *testing.T) {
	h := newSilentHost(t)
	spy, o := new(hookSpy), new(owner)
	app := fx.New(
		syncmod.Module, fx.Supply(definitionOf(t.Name(), h, newSilentHost(t)), quiet()), syncmod.RunSteps(noSteps),
		fx.WithLogger(func() fxevent.Logger { return spy }),
		fx.Provide(func(lc fx.Lifecycle) host.Host {
			lc.Append(fx.StartStopHook(o.StartHost, o.StopHost))
			return h
		}),
		fx.Provide(func(lc fx.Lifecycle) trace.TracerProvider {
			lc.Append(fx.StopHook(o.StopTelemetry))
			return tracenoop.NewTracerProvider()
		}),
	)
	require.NoError(t, app.Start(t.Context()))
	require.NoError(t, app.Stop(t.Context()))

	requireOrder(t, spy.started, "(*owner).StartHost-fm", "(*Server).Start-fm", "(*Clients).Start-fm")
	requireOrder(t, spy.stopped, "(*Clients).Stop-fm", "(*Server).Stop-fm", "(*owner).StopHost-fm")
	requireOrder(t, spy.stopped, "(*Server).Stop-fm", "(*owner).StopTelemetry-fm")
}

func requireOrder(t *testing.T, names []string, want ...string) {
	t.Helper()
	last := -1
	for _, w := range want {
		i := slices.IndexFunc(names, func(name string) bool { return strings.Contains(name, w) })
		require.Greater(t, i, last, "%s in %q", w, names)
		last = i
	}
}

// spyTracers and spyMeters note whether they are used and whether they are shut
// down.
type spyTracers struct {
	tracenoop.TracerProvider
	used, down bool
}

func (s *spyTracers) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	s.used = true
	return s.TracerProvider.Tracer(name, opts...)
}

func (s *spyTracers) Shutdown(context.Context) error { s.down = true; return nil }

type spyMeters struct {
	metricnoop.MeterProvider
	used, down bool
}

func (s *spyMeters) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	s.used = true
	return s.MeterProvider.Meter(name, opts...)
}

func (s *spyMeters) Shutdown(context.Context) error { s.down = true; return nil }

func TestWhatIsOptionalIsUsedWhenItIsThereAndNeverShutDown(t *testing.T) {
	const logger, tracer, meter = 1, 2, 4
	for there := range 8 {
		t.Run(fmt.Sprintf("%03b", there), func(t *testing.T) {
			standard := logrus.StandardLogger()
			output := new(bytes.Buffer)
			defer standard.SetOutput(standard.Out)
			standard.SetOutput(output)
			log, lines := logtest.NewNullLogger()
			tracers, meters := new(spyTracers), new(spyMeters)
			globalTracers, globalMeters, globalText := otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()
			options := []fx.Option{syncmod.Module, fx.NopLogger, syncmod.RunSteps(noSteps)}
			if there&logger != 0 {
				options = append(options, fx.Supply(log))
			}
			if there&tracer != 0 {
				options = append(options, fx.Supply(fx.Annotate(tracers, fx.As(new(trace.TracerProvider)))))
			}
			if there&meter != 0 {
				options = append(options, fx.Supply(fx.Annotate(meters, fx.As(new(metric.MeterProvider)))))
			}
			h := newSilentHost(t)
			options = append(options, fx.Provide(func() host.Host { return h }), fx.Supply(definitionOf(t.Name(), h, newSilentHost(t))))

			app := fx.New(options...)
			require.NoError(t, app.Start(t.Context()))
			require.NoError(t, app.Stop(t.Context()))

			require.Equal(t, there&logger != 0, len(lines.AllEntries()) > 0)
			require.Equal(t, there&logger == 0, output.Len() > 0, "else it is logrus's standard logger")
			require.Equal(t, there&tracer != 0, tracers.used)
			require.Equal(t, there&meter != 0, meters.used)
			require.False(t, tracers.down || meters.down, "they are not ours")
			require.Same(t, globalTracers, otel.GetTracerProvider())
			require.Same(t, globalMeters, otel.GetMeterProvider())
			require.Equal(t, globalText, otel.GetTextMapPropagator())
			require.Empty(t, standard.Hooks)
		})
	}
}

func TestWhatHappensWhileAnAppStopsIsRecordedToo(t *testing.T) {
	h, def, partner := newPair(t)
	recorder, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	tracers, meters := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)), sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	var c *syncmod.Ceremony
	app := fxtest.New(
		t, syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c),
		fx.Supply(fx.Annotate(tracers, fx.As(new(trace.TracerProvider))), fx.Annotate(meters, fx.As(new(metric.MeterProvider)))),
	)
	app.RequireStart()
	requireNone(t, everyone([]*syncmod.Ceremony{c, partner}, func(_ int, c *syncmod.Ceremony) error { _, err := c.Advance(within(t)); return err }))
	before := len(recorder.Ended())

	app.RequireStop()

	var names []string
	for _, span := range recorder.Ended()[before:] {
		names = append(names, span.Name())
	}
	require.Contains(t, names, "dkgsync.stream")
	require.Contains(t, names, "dkgsync.ceremony")
	require.Len(t, recorder.Started(), len(recorder.Ended()), "no span is left open")
	_, span := tracers.Tracer("the program's own").Start(t.Context(), "after the app")
	require.True(t, span.IsRecording(), "the provider is the program's, who has not shut it down")
	var metrics metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &metrics))
	var recorded []string
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		recorded = append(recorded, m.Name)
	}
	require.Contains(t, recorded, "dkgsync.ceremony.duration")
}

func TestACeremonyFailsAnAppThroughTheAppsOwnFailer(t *testing.T) {
	h, def, partner := newPair(t)
	log, lines := logtest.NewNullLogger()
	config := fast()
	config.ShutdownOnFailure = true
	var failer *lifecycle.Failer
	app := fxtest.New(
		t, fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return h }, lifecycle.NewFailer), fx.Supply(log, config, def),
		syncmod.RunSteps(func() []syncmod.Step {
			return []syncmod.Step{{Name: "store", Run: func(context.Context) error { return errFull }}}
		}),
		fx.Populate(&failer),
	)
	app.RequireStart()
	require.Error(t, partner.Run(within(t), syncmod.Step{Run: untilDone}))

	signal := receive(t, app.Wait())

	require.Equal(t, 1, signal.ExitCode)
	require.ErrorIs(t, failer.Err(), errFull)
	app.RequireStop()
	fatal := 0
	for _, line := range lines.AllEntries() {
		if strings.HasPrefix(line.Message, "fatal failure") {
			fatal++
		}
	}
	require.Equal(t, 1, fatal)
}

const processVariable = "DKGSYNC_TEST_NODE"

// A nodeProcess is a node whose app ends its process: what it runs, and what its
// partner does.
type nodeProcess struct {
	config  syncmod.Config
	steps   []syncmod.Step
	partner func(ctx context.Context, c *syncmod.Ceremony)
}

var errFull = errors.New("disk full")

var nodeProcesses = map[string]nodeProcess{
	"a member aborts": {
		config:  syncmod.Config{ShutdownOnFailure: true, ShutdownOnComplete: true},
		steps:   []syncmod.Step{{Name: "wait", Run: untilDone}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _, _ = c.Advance(ctx); c.Abort(errFull) },
	},
	"a step fails": {
		config:  syncmod.Config{ShutdownOnFailure: true},
		steps:   []syncmod.Step{{Name: "store", Run: func(context.Context) error { return errFull }}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{Run: untilDone}) },
	},
	"a step panics": {
		config:  syncmod.Config{ShutdownOnFailure: true},
		steps:   []syncmod.Step{{Name: "divide", Run: func(context.Context) error { return dividing(0) }}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{Run: untilDone}) },
	},
	"everyone completes": {
		config:  syncmod.Config{ShutdownOnFailure: true, ShutdownOnComplete: true},
		steps:   []syncmod.Step{{Name: "work"}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{}) },
	},
	"the process is told to end": {
		config: syncmod.Config{ShutdownOnFailure: true, ShutdownOnComplete: true},
		steps: []syncmod.Step{{Name: "wait", Run: func(ctx context.Context) error {
			_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			return untilDone(ctx)
		}}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{Run: untilDone}) },
	},
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestNodeProcess is not a test: it is the node, in a process that runNode has
// started.
func TestNodeProcess(t *testing.T) {
	p, ok := nodeProcesses[os.Getenv(processVariable)]
	if !ok {
		t.Skip("run by other tests")
	}
	h, def, partner := newPair(t)
	second := definitionOf("second", h, newSilentHost(t))
	go p.partner(context.Background(), partner)
	config := fast()
	config.ShutdownOnFailure, config.ShutdownOnComplete = p.config.ShutdownOnFailure, p.config.ShutdownOnComplete
	fx.New(
		syncmod.Module, lifecycle.WithFxLogger(), syncmod.Configure(config), fx.Supply(def, logrus.StandardLogger()),
		fx.Provide(func() host.Host { return h }), syncmod.RunSteps(func() []syncmod.Step { return p.steps }),
		fx.Invoke(func(lc fx.Lifecycle, s *syncmod.Service, c *syncmod.Ceremony) {
			lc.Append(fx.StartHook(func() error { // another one that fails at the same time, or nearly
				other, err := s.Open(second)
				context.AfterFunc(failing(c), func() {
					if !errors.Is(c.Err(), syncmod.ErrStopped) {
						other.Abort(errors.New("the other one"))
					}
				})
				return err
			}))
		}),
	).Run()
	os.Exit(0)
}

// failing is a context that ends with a ceremony that fails.
func failing(c *syncmod.Ceremony) context.Context {
	ctx, _ := c.Context(context.Background())
	return ctx
}

func runNode(t *testing.T, name string) (exitCode int, stderr string) {
	t.Helper()
	require.Contains(t, nodeProcesses, name)
	var output bytes.Buffer
	process := exec.CommandContext(within(t), os.Args[0], "-test.run=^TestNodeProcess$")
	process.Env = append(os.Environ(), processVariable+"="+name)
	process.Stderr = &output
	if err := process.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return process.ProcessState.ExitCode(), output.String()
}

func TestANodeWhoseCeremonyFailsExitsWithCode1AndOneCause(t *testing.T) {
	for name, cause := range map[string]string{"a member aborts": "disk full", "a step fails": "disk full", "a step panics": "divide by zero"} {
		t.Run(name, func(t *testing.T) {
			exitCode, stderr := runNode(t, name)

			require.Equal(t, 1, exitCode, stderr)
			require.Equal(t, 1, strings.Count(stderr, cause), stderr)
			require.Equal(t, 1, strings.Count(stderr, "fatal failure"), stderr)
			require.NotContains(t, stderr, "DATA RACE")
			require.NotContains(t, stderr, "fx:")
		})
	}
}

func TestANodeWhoseCeremonyCompletesExitsWithCode0(t *testing.T) {
	exitCode, stderr := runNode(t, "everyone completes")

	require.Equal(t, 0, exitCode, stderr)
	require.NotContains(t, stderr, "level=error")
	require.NotContains(t, stderr, "fx:")
}

func TestANodeThatIsToldToEndExitsWithCode0(t *testing.T) {
	exitCode, stderr := runNode(t, "the process is told to end")

	require.Equal(t, 0, exitCode, stderr)
	require.NotContains(t, stderr, "level=error")
}
