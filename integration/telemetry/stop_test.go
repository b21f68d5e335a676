package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
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

func TestWhatHappensWhileAnAppStopsIsRecordedToo(t *testing.T) {
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
	require.True(t, span.IsRecording(), "the provider is the program's, who has not shut it down")
	var metrics metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &metrics))
	var recorded []string
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		recorded = append(recorded, m.Name)
	}
	require.Contains(t, recorded, "dkgsync.ceremony.duration")
}

func TestTheSpansOfANodeGoWhereItsOperatorSays(t *testing.T) {
	posted := make(chan string, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posted <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.URL+"/v1/traces")
	h := harness.NewHost(t)
	app := newApp(h, harness.Define(t.Name(), h, harness.NewHost(t)),
		otelsdk.Module, syncmod.RunSteps(func() []syncmod.Step { return nil }))
	require.NoError(t, app.Start(t.Context()))

	require.NoError(t, app.Stop(t.Context()))

	close(posted)
	var all strings.Builder
	for request := range posted {
		all.WriteString(request)
	}
	require.Contains(t, all.String(), "/v1/traces")
	require.Contains(t, all.String(), "dkgsync.ceremony.start")
	require.Contains(t, all.String(), "stopped", "what ended when the node stopped as well")
}
