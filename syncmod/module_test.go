package syncmod_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/test"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// given supplies what an app gets from its program: the host, a Config
// and a logger.
func given(h host.Host) fx.Option {
	newHost := func() host.Host { return h }
	return fx.Options(fx.NopLogger, fx.Provide(newHost), fx.Supply(harness.Fast(), harness.Quiet()))
}

// unattended returns a definition whose other member never comes.
func unattended(t testing.TB, h host.Host) syncmod.Definition {
	t.Helper()
	return harness.Define(t.Name(), h, harness.NewSilentHost(t))
}

func noSteps() []syncmod.Step { return nil }

// newPair makes the host of an app, and a partner: the other member, which has
// opened the ceremony on a plain service.
func newPair(t testing.TB) (h host.Host, def syncmod.Definition, partner *syncmod.Ceremony) {
	t.Helper()
	h, other := harness.NewHost(t), harness.NewHost(t)
	def = harness.Define(t.Name(), h, other)
	partner, err := harness.StartService(t, other, harness.Fast()).Open(def)
	require.NoError(t, err)
	return h, def, partner
}

// noLeaks fails a test that leaves a goroutine behind after its hosts are closed.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		left := goleak.Find(before) // waits for less than half a second
		for began := time.Now(); left != nil && time.Since(began) < harness.Patience; {
			left = goleak.Find(before)
		}
		require.NoError(t, left)
	})
}

// inBackground calls a function at once, and returns a channel for its error.
func inBackground(f func() error) <-chan error {
	out := make(chan error, 1)
	go func() { out <- f() }()
	return out
}

func TestTheModuleOnlyNeedsAHost(t *testing.T) {
	aHost := fx.Provide(func() host.Host { panic("nothing is made") })

	require.NoError(t, fx.ValidateApp(fx.NopLogger, syncmod.Module, aHost))
	aCeremony := fx.Options(fx.Supply(syncmod.Definition{}), syncmod.RunSteps(noSteps))
	require.NoError(t, fx.ValidateApp(fx.NopLogger, syncmod.Module, aHost, aCeremony))
	require.ErrorContains(t, fx.ValidateApp(fx.NopLogger, syncmod.Module), "host.Host")
}

func TestACeremonyNeedsADefinition(t *testing.T) {
	var c *syncmod.Ceremony
	for about, asks := range map[string]fx.Option{"steps": syncmod.RunSteps(noSteps), "a program": fx.Populate(&c)} {
		app := fx.New(syncmod.Module, given(harness.NewSilentHost(t)), asks)

		require.ErrorContains(t, app.Err(), "syncmod.Definition", about)
	}
}

// namedHost is a host that has a name and a key. None of its other methods may be
// called.
type namedHost struct {
	host.Host

	id    peer.ID
	store peerstore.Peerstore
}

func (h namedHost) ID() peer.ID { return h.id }

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
	nowhere := multiaddr.StringCast("/ip4/127.0.0.1/tcp/9")
	members := []syncmod.Peer{{ID: id}, {ID: other, Addrs: []multiaddr.Multiaddr{nowhere}}}
	def := syncmod.Definition{Hash: []byte{1}, Peers: members}
	running := goleak.IgnoreCurrent()

	app := fx.New(syncmod.Module, given(namedHost{id: id, store: store}), fx.Supply(def), syncmod.RunSteps(noSteps))

	require.NoError(t, app.Err())
	goleak.VerifyNone(t, running)
	require.Empty(t, store.PeersWithAddrs())
}

func TestAnUnstartedCeremonyClosesQuietly(t *testing.T) {
	h := harness.NewSilentHost(t)
	log, lines := logtest.NewNullLogger()
	var c *syncmod.Ceremony
	app := fx.New(
		fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return h }), fx.Supply(log, unattended(t, h)),
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

// spyTracers and spyMeters record whether they are used and whether they are shut
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

func TestOptionalDependenciesAreUsed(t *testing.T) {
	const logger, tracer, meter = 1, 2, 4
	for there := range 8 {
		t.Run(fmt.Sprintf("%03b", there), func(t *testing.T) {
			standard := logrus.StandardLogger()
			output := new(bytes.Buffer)
			defer standard.SetOutput(standard.Out)
			standard.SetOutput(output)
			log, lines := logtest.NewNullLogger()
			tracers, meters := new(spyTracers), new(spyMeters)
			globalTracers, globalMeters := otel.GetTracerProvider(), otel.GetMeterProvider()
			globalText := otel.GetTextMapPropagator()
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
			h := harness.NewSilentHost(t)
			options = append(options, fx.Provide(func() host.Host { return h }), fx.Supply(unattended(t, h)))

			app := fx.New(options...)
			require.NoError(t, app.Start(t.Context()))
			require.NoError(t, app.Stop(t.Context()))

			require.Equal(t, there&logger != 0, len(lines.AllEntries()) > 0)
			require.Equal(t, there&logger == 0, output.Len() > 0,
				"without a logger in the graph, logrus's standard logger is used")
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
