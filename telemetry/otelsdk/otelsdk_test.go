package otelsdk_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/fx"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/telemetry"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// configure sets variables, and clears all other OTEL_* variables.
func configure(t *testing.T, pairs ...string) {
	t.Helper()
	for _, set := range os.Environ() {
		if name, _, _ := strings.Cut(set, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "") // the specification treats this as unset
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
}

type program struct {
	app       *fx.App
	providers telemetry.Providers
	log       *logrus.Logger
	lines     *lines
}

// lines holds what a program has logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }

func (p *program) said(text string) bool { return p.lines.count(text) > 0 }

func newProgram(opts ...fx.Option) *program { return newProgramWith(logrus.New(), opts...) }

func newProgramWith(log *logrus.Logger, opts ...fx.Option) *program {
	p := &program{log: log, lines: new(lines)}
	log.SetOutput(p.lines)
	p.app = fx.New(
		fx.NopLogger,
		fx.StopTimeout(patience),
		fx.Options(opts...),
		fx.Supply(log),
		otelsdk.Module,
		fx.Populate(&p.providers),
	)
	return p
}

// patience is how long a test waits for something that must happen.
const patience = time.Minute

// hasty is a short stop timeout for programs without a collector, because their flush
// lasts for half of it.
func hasty() fx.Option { return fx.StopTimeout(2 * time.Second) }

// run starts the program, makes a span and a metric, and stops the program. It returns
// how long the stop took.
func (p *program) run(t *testing.T) time.Duration {
	t.Helper()
	require.NoError(t, p.app.Err())
	require.NoError(t, p.app.Start(t.Context()))
	_, span := p.providers.Tracer.Tracer("test").Start(t.Context(), "a span")
	span.End()
	counter, err := p.providers.Meter.Meter("test").Int64Counter("a.counter")
	require.NoError(t, err)
	counter.Add(t.Context(), 1)
	return p.stop(t)
}

// stop stops the program and returns how long that took.
func (p *program) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, p.app.Stop(due{ctx, began.Add(p.app.StopTimeout())}))
	return time.Since(began)
}

// due is a context with a deadline that cuts nothing off, however busy the machine is.
type due struct {
	context.Context
	deadline time.Time
}

func (d due) Deadline() (deadline time.Time, ok bool) { return d.deadline, true }

// backend is an OTLP/HTTP collector.
type backend struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string][][]byte // by path
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{bodies: make(map[string][][]byte)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.bodies[r.URL.Path] = append(b.bodies[r.URL.Path], body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) paths() (paths []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for path := range b.bodies {
		paths = append(paths, path)
	}
	return paths
}

// resource returns the resource attributes of the first trace.
func (b *backend) resource(t *testing.T) map[string]string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.bodies["/v1/traces"])
	var request collector.ExportTraceServiceRequest
	require.NoError(t, proto.Unmarshal(b.bodies["/v1/traces"][0], &request))
	about := make(map[string]string)
	for _, kv := range request.GetResourceSpans()[0].GetResource().GetAttributes() {
		about[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	return about
}

func TestNothingIsExportedByDefault(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	configure(t)

	p := newProgram()

	require.NoError(t, p.app.Err())
	require.Equal(t, otel.GetTracerProvider(), p.providers.Tracer)
	require.Equal(t, otel.GetMeterProvider(), p.providers.Meter)
}

func TestAnEndpointTurnsOnTracesAndMetrics(t *testing.T) {
	b := newBackend(t)
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)

	p := newProgram(fx.Supply(otelsdk.Identity{Service: "dkg-alice", Namespace: "dkg"}))
	p.run(t)

	require.ElementsMatch(t, []string{"/v1/traces", "/v1/metrics"}, b.paths(), p.lines)
	require.Equal(t, "dkg-alice", b.resource(t)["service.name"])
	require.Equal(t, "dkg", b.resource(t)["service.namespace"])
	require.Len(t, b.resource(t)["service.instance.id"], 36, "a UUID")
}

func TestAProcessorGetsEverySpan(t *testing.T) {
	for name, settings := range map[string][]string{
		"nothing is exported": nil,
		"traces are exported": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t)
			configure(t)
			for _, setting := range settings {
				t.Setenv(setting, b.URL+"/v1/traces")
			}
			spans := tracetest.NewSpanRecorder()

			newProgram(otelsdk.WithSpanProcessor(spans)).run(t)

			require.Len(t, spans.Ended(), 1)
			require.Len(t, b.paths(), len(settings))
		})
	}
}

func TestTheOperatorNamesTheProgram(t *testing.T) {
	b := newBackend(t)
	configure(t,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", b.URL+"/v1/traces",
		"OTEL_SERVICE_NAME", "mine",
		"OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=seven,service.namespace=ours",
	)

	newProgram(fx.Supply(otelsdk.Identity{Service: "charon", Namespace: "dkg", Instance: "one"})).run(t)

	require.Equal(t, []string{"/v1/traces"}, b.paths())
	require.Equal(t, "mine", b.resource(t)["service.name"])
	require.Equal(t, "ours", b.resource(t)["service.namespace"])
	require.Equal(t, "seven", b.resource(t)["service.instance.id"])
}

func TestTheExecutableIsTheDefaultName(t *testing.T) {
	b := newBackend(t)
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)

	newProgram().run(t)

	require.Equal(t, "otelsdk.test", b.resource(t)["service.name"])
	require.NotContains(t, b.resource(t), "service.namespace")
}

func TestLogsAreExportedOnRequest(t *testing.T) {
	b := newBackend(t)
	configure(t,
		"OTEL_EXPORTER_OTLP_ENDPOINT", b.URL,
		"OTEL_LOGS_EXPORTER", "otlp",
		"OTEL_TRACES_EXPORTER", "none",
		"OTEL_METRICS_EXPORTER", "none",
	)
	p := newProgram(fx.Invoke(func(lc fx.Lifecycle, log *logrus.Logger, _ telemetry.Providers) {
		lc.Append(fx.StartHook(func() { log.Info("a line") }))
	}))

	p.run(t)

	require.Equal(t, []string{"/v1/logs"}, b.paths())
	require.Contains(t, string(b.bodies["/v1/logs"][0]), "a line")
}

func TestADisabledSDKDoesNothing(t *testing.T) {
	b := newBackend(t)
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL, "OTEL_LOGS_EXPORTER", "otlp", "OTEL_SDK_DISABLED", "TRUE")

	p := newProgram()
	p.run(t)

	require.Empty(t, b.paths())
	require.Equal(t, tracenoop.NewTracerProvider(), p.providers.Tracer)
	require.Equal(t, metricnoop.NewMeterProvider(), p.providers.Meter)
}

func TestAnUnknownExporterIsNamed(t *testing.T) {
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"} {
		t.Run(name, func(t *testing.T) {
			configure(t, name, "jaeger")

			p := newProgram()
			require.NoError(t, p.app.Err())

			err := p.app.Start(t.Context())

			require.ErrorContains(t, err, name+`="jaeger"`)
			require.ErrorContains(t, err, "unknown exporter")
			require.ErrorContains(t, err, "it must be one of otlp, ")
		})
	}
}

func TestAnUnknownProducerIsNamed(t *testing.T) {
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", newBackend(t).URL, "OTEL_METRICS_PRODUCERS", "bad")
	p := newProgram()
	require.NoError(t, p.app.Err())

	err := p.app.Start(t.Context())

	require.ErrorContains(t, err, `OTEL_METRICS_PRODUCERS="bad"`)
	require.ErrorContains(t, err, "it must be prometheus or none")
}

func TestTheProgramsProvidersAreKept(t *testing.T) {
	b := newBackend(t)
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	spans := tracetest.NewInMemoryExporter()
	own := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	defer func() { require.NoError(t, own.Shutdown(context.Background())) }()

	p := newProgram(
		fx.Provide(func() trace.TracerProvider { return own }),
		fx.Provide(func() metric.MeterProvider { return metricnoop.NewMeterProvider() }),
	)
	p.run(t)

	require.Empty(t, b.paths())
	require.Same(t, own, p.providers.Tracer)
	_, span := own.Tracer("test").Start(t.Context(), "after the stop")
	span.End()
	require.Len(t, spans.GetSpans(), 2)
}

// A span that a component ends in its own stop hook is still flushed.
func TestTheFlushComesLast(t *testing.T) {
	b := newBackend(t)
	configure(t, "OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	p := newProgram(fx.Invoke(func(lc fx.Lifecycle, p telemetry.Providers) {
		var span trace.Span
		tracer := p.Tracer.Tracer("test") // a tracer may be made before the SDK is built
		lc.Append(fx.StartStopHook(
			func() { _, span = tracer.Start(context.Background(), "ends with the program") },
			func() { span.End() },
		))
	}))

	p.run(t)

	require.Contains(t, string(bytes.Join(b.bodies["/v1/traces"], nil)), "ends with the program")
}
