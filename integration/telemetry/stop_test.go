package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

func newApp(h host.Host, def syncmod.Definition, more ...fx.Option) *fx.App {
	return fx.New(
		fx.NopLogger,
		fx.Options(more...),
		dkgsync.Module,
		fx.Provide(func() host.Host { return h }),
		fx.Supply(harness.Fast(), harness.Quiet(), def),
	)
}

func TestAStopIsRecordedToo(t *testing.T) {
	h, other := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), h, other)
	partner, err := harness.StartService(t, other, harness.Fast()).Open(def)
	require.NoError(t, err)
	recorder, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	var c *syncmod.Ceremony
	app := newApp(h, def, fx.Populate(&c), fx.Supply(
		fx.Annotate(tracers, fx.As(new(trace.TracerProvider))),
		fx.Annotate(meters, fx.As(new(metric.MeterProvider))),
	))
	require.NoError(t, app.Start(harness.Within(t)))
	ctx := harness.Within(t)
	harness.RequireEach(t, []*syncmod.Ceremony{c, partner}, func(c *syncmod.Ceremony) error {
		_, err := c.Advance(ctx)
		return err
	})
	before := len(recorder.Ended())

	require.NoError(t, app.Stop(harness.Within(t)))

	var names []string
	for _, span := range recorder.Ended()[before:] {
		names = append(names, span.Name())
	}
	require.Contains(t, names, "dkgsync.stream")
	require.Contains(t, names, "dkgsync.ceremony")
	require.Len(t, recorder.Started(), len(recorder.Ended()), "no span is left open")
	_, span := tracers.Tracer("the program's own").Start(t.Context(), "after the app")
	require.True(t, span.IsRecording(), "the provider belongs to the program, which has not shut it down")
	var metrics metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &metrics))
	var recorded []string
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		recorded = append(recorded, m.Name)
	}
	require.Contains(t, recorded, "dkgsync.ceremony.duration")
}

// newCollector returns the URL of a collector, and a function that returns what has
// arrived since its last call.
func newCollector(t *testing.T) (url string, posted func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		all.WriteString(r.URL.Path + " " + string(body))
	}))
	t.Cleanup(collector.Close)
	return collector.URL, func() string {
		mu.Lock()
		defer mu.Unlock()
		defer all.Reset()
		return all.String()
	}
}

func TestSpansGoWhereOperatorsSay(t *testing.T) {
	url, posted := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url+"/v1/traces")
	h := harness.NewHost(t)
	app := newApp(h, harness.Define(t.Name(), h, harness.NewHost(t)),
		otelsdk.Module, syncmod.RunSteps(func() []syncmod.Step { return nil }))
	require.NoError(t, app.Start(t.Context()))

	require.NoError(t, app.Stop(t.Context()))

	all := posted()
	require.Contains(t, all, "/v1/traces")
	require.Contains(t, all, "dkgsync.ceremony.start")
	require.Contains(t, all, "stopped", "including what ended when the node stopped")
}

// Each start builds its own SDK.
func TestARestartedNodeIsSeenAgain(t *testing.T) {
	url, posted := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	h := harness.NewHost(t)
	app := newApp(h, harness.Define(t.Name(), h, harness.NewHost(t)),
		otelsdk.Module, syncmod.RunSteps(func() []syncmod.Step { return nil }))
	for range 2 {
		require.NoError(t, app.Start(t.Context()))

		require.NoError(t, app.Stop(t.Context()))

		all := posted()
		require.Contains(t, all, "dkgsync.ceremony.start")
		require.Contains(t, all, "dkgsync.ceremony.duration")
	}
}

// Instruments that are made in a constructor would record nothing.
func TestInstrumentsAreMadeAtTheStart(t *testing.T) {
	url, posted := newCollector(t)
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", url)
	h := harness.NewHost(t)
	log, lines := logtest.NewNullLogger()
	config := harness.Fast()
	config.RegisterEarly = true
	app := fx.New(fx.NopLogger, otelsdk.Module, dkgsync.Module, fx.Provide(func() host.Host { return h }),
		fx.Supply(log, config, harness.Define(t.Name(), h, harness.NewHost(t))),
		syncmod.RunSteps(func() []syncmod.Step { return nil }))

	require.NoError(t, app.Start(t.Context()))
	require.NoError(t, app.Stop(t.Context()))

	require.Contains(t, posted(), "dkgsync.ceremony.duration")
	for _, line := range lines.AllEntries() {
		require.NotContains(t, line.Message, "record nothing")
	}
}
