package sinks_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry"
)

func TestOnlyTheFirstStopWaits(t *testing.T) {
	for sink := range sinks {
		for _, behaviour := range []string{"slow", "hanging"} {
			t.Run(sink+" "+behaviour, func(t *testing.T) {
				s := newScene(t, sink, running())
				s.meet()
				s.misbehaves(behaviour)
				require.NoError(t, s.ceremony().Close(s.Context()))
				elapsed := harness.Stopwatch(t)

				for range 3 {
					require.NoError(t, s.ceremony().Close(s.Context()))
					require.NoError(t, s.Nodes[alice].Service.Stop(s.Context()))
				}
				require.NoError(t, s.Nodes[alice].Stop(s.Context()))

				require.Less(t, elapsed(), telemetry.FlushLimit)
			})
		}
	}
}

func TestStopKeepsToItsContext(t *testing.T) {
	for sink := range sinks {
		t.Run(sink, func(t *testing.T) {
			s := newScene(t, sink, running())
			s.meet()
			s.misbehaves("hanging")
			ctx, cancel := context.WithTimeout(context.Background(), telemetry.FlushLimit/2)
			defer cancel()
			elapsed := harness.Stopwatch(t)

			err := s.Nodes[alice].Service.Stop(ctx)

			require.Less(t, elapsed(), telemetry.FlushLimit)
			if err != nil { // the machine is too busy to stop in this time
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.NoError(t, s.Nodes[alice].Service.Stop(s.Context()))
		})
	}
}

// A timer's goroutine notices that the member is gone.
func TestALostMemberStopsTheApp(t *testing.T) {
	for behaviour := range behaviours {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			config := harness.Fast()
			config.ShutdownOnFailure = true
			s := newScene(t, "log hook", config)
			s.meet()
			s.misbehaves(behaviour)

			s.Kill(bob, carol)

			require.ErrorIs(t, s.Failure(alice), syncmod.ErrPeerTimeout)
			require.Equal(t, 1, harness.Next(t, s.signal).ExitCode)
			s.requireStops(t)
		})
	}
}

func TestLostReportsAreCounted(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	s := newScene(t, "log hook", running(), fx.Supply(
		fx.Annotate(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), fx.As(new(metric.MeterProvider)))))
	s.meet()
	require.Zero(t, dropped(t, reader))
	s.misbehaves("hanging")
	lonely, over := s.open(t), func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}()

	const many = 5000 // more than the queue holds
	for range many {
		require.ErrorIs(t, lonely.AwaitConnected(over), context.Canceled) // each of these errors is reported
	}

	lost := dropped(t, reader)
	require.Positive(t, lost)
	require.Less(t, lost, int64(many))
	s.Advance(s.All()...)
	s.sink.release()
	harness.Eventually(t, func() bool { return strings.Contains(s.Nodes[alice].Logged(), " reports were dropped: ") },
		"as soon as the sink is free, the log says so")
}

// dropped returns the value of the counter of lost reports.
func dropped(t *testing.T, reader sdkmetric.Reader) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == "dkgsync.reports.dropped" {
				return m.Data.(metricdata.Sum[int64]).DataPoints[0].Value
			}
		}
	}
	require.Fail(t, "there is no such metric")
	return 0
}
