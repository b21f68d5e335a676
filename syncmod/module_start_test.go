package syncmod_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestALaterHookThatFailsUndoesTheStart(t *testing.T) {
	noLeaks(t)
	h, def, partner := newPair(t)
	errLater := errors.New("no database")
	var c *syncmod.Ceremony
	app := fx.New(
		syncmod.Module, given(h), fx.Supply(def), syncmod.RunSteps(noSteps), fx.Populate(&c),
		fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() error { return errLater })) }),
	)

	err := app.Start(harness.Within(t))

	require.ErrorIs(t, err, errLater)
	require.ErrorIs(t, c.Err(), syncmod.ErrStopped)
	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
	require.NotContains(t, addrsOf(h, partner), "/tcp/")
	require.NoError(t, partner.Err(), "others go on waiting")
}

// addrsOf returns where a host would look for the partner, without the
// addresses that it learned from a connection.
func addrsOf(h host.Host, partner *syncmod.Ceremony) string {
	other := partner.Definition().Peers[1]
	for _, conn := range h.Network().ConnsToPeer(other.ID) {
		_ = conn.Close()
	}
	if slices.ContainsFunc(h.Peerstore().Addrs(other.ID), other.Addrs[0].Equal) {
		return other.Addrs[0].String()
	}
	return ""
}

// deafHost is a host that does not allow subscriptions to its events.
type deafHost struct{ host.Host }

var errDeaf = errors.New("no events")

func (h deafHost) EventBus() event.Bus { return deafBus{h.Host.EventBus()} }

type deafBus struct{ event.Bus }

func (deafBus) Subscribe(any, ...event.SubscriptionOpt) (event.Subscription, error) {
	return nil, errDeaf
}

func TestAHalfFailedStartIsUndone(t *testing.T) {
	noLeaks(t)
	h := harness.NewSilentHost(t)
	var service *syncmod.Service
	app := fx.New(syncmod.Module, given(deafHost{h}), fx.Populate(&service))
	require.NoError(t, app.Err())

	for about, start := range map[string]func(context.Context) error{"app": app.Start, "service": service.Start} {
		require.ErrorIs(t, start(t.Context()), errDeaf, about)
		require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID, about)
	}
	_, err := service.Open(unattended(t, h))
	require.ErrorIs(t, err, syncmod.ErrStopped)
}

func TestASecondHandlerFailsTheStart(t *testing.T) {
	h := harness.NewSilentHost(t)
	h.SetStreamHandler(syncmod.ProtocolID, func(s network.Stream) { _ = s.Reset() })
	app := fx.New(syncmod.Module, given(h))

	err := app.Start(t.Context())

	require.ErrorContains(t, err, string(syncmod.ProtocolID))
	require.Contains(t, h.Mux().Protocols(), syncmod.ProtocolID, "what is not ours stays")
	require.NoError(t, app.Stop(t.Context()))
	require.Contains(t, h.Mux().Protocols(), syncmod.ProtocolID)
}

func TestANodeOutlivesItsStartContext(t *testing.T) {
	h, def, partner := newPair(t)
	var c *syncmod.Ceremony
	app := fx.New(syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c))
	starting, cancel := context.WithCancel(t.Context())
	require.NoError(t, app.Start(starting))
	cancel() // as fx does

	run(t, []*syncmod.Ceremony{c, partner})

	require.NoError(t, app.Stop(harness.Within(t)))
}

// hookSpy records the order in which hooks are called.
type hookSpy struct{ started, stopped []string }

func (s *hookSpy) LogEvent(e fxevent.Event) {
	switch e := e.(type) {
	case *fxevent.OnStartExecuted:
		s.started = append(s.started, e.FunctionName)
	case *fxevent.OnStopExecuted:
		s.stopped = append(s.stopped, e.FunctionName)
	}
}

// owner is a component of the program that is started and stopped like any
// other.
type owner struct{}

func (*owner) StartHost() {}

func (*owner) StopHost() {}

func (*owner) StopTelemetry() {}

func TestHooksFollowTheDependencies(t *testing.T) {
	h := harness.NewSilentHost(t)
	spy, o := new(hookSpy), new(owner)
	app := fx.New(
		syncmod.Module, fx.Supply(unattended(t, h), harness.Quiet()), syncmod.RunSteps(noSteps),
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

func TestAnAbortedCeremonyFailsTheStart(t *testing.T) {
	h := harness.NewSilentHost(t)
	locked := errors.New("the keystore is locked")
	app := fx.New(
		syncmod.Module, given(h), fx.Supply(unattended(t, h)),
		syncmod.RunSteps(func() []syncmod.Step { return nil }),
		fx.Invoke(func(c *syncmod.Ceremony) { c.Abort(locked) }),
	)

	err := app.Start(t.Context())

	require.ErrorIs(t, err, locked)
	require.ErrorIs(t, err, syncmod.ErrAborted)
	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
}
