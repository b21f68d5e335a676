package otelsdk

import (
	"context"
	"log/slog"
	"sync"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/logbridge"
	"github.com/dkgsync/dkgsync/telemetry"
)

// Module provides [telemetry.Providers], which the OTEL_* variables configure. It takes
// from the graph what the program provides with exactly these types:
// trace.TracerProvider, metric.MeterProvider, [Identity], and *logrus.Logger or, if
// there is none, *slog.Logger.
var Module fx.Option = fx.Module("otelsdk",
	fx.Provide(New),
	fx.Invoke(func(telemetry.Providers) {}), // early, so that everything made later stops before the flush
)

// Identity identifies the program in its telemetry. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES take precedence.
type Identity struct {
	Service   string // service.name; default: the name of the executable; see telemetry.ServiceName
	Namespace string // service.namespace, the same for nodes that belong together; default: none
	Instance  string // service.instance.id; default: a random UUID
}

// Params lists what [New] takes from the graph.
type Params struct {
	fx.In

	Lifecycle fx.Lifecycle         // the lifecycle to append the hooks to
	Identity  Identity             `optional:"true"` // the default is the zero Identity
	Logger    *logrus.Logger       `optional:"true"` // whose lines are exported, and which gets the errors of the SDK
	Slog      *slog.Logger         `optional:"true"` // used if Logger is nil
	Tracer    trace.TracerProvider `optional:"true"` // the program's own provider, if it has one
	Meter     metric.MeterProvider `optional:"true"` // the program's own provider, if it has one
	// Processors get the program's spans; see WithSpanProcessor.
	Processors []sdktrace.SpanProcessor `group:"otelsdk.span_processors"`
}

// WithSpanProcessor also passes the program's spans to p, even if the operator asks
// for no exporter. It does nothing if the SDK is disabled or the program provides a
// trace.TracerProvider. The processor is shut down with the SDK.
func WithSpanProcessor(p sdktrace.SpanProcessor) fx.Option {
	return fx.Provide(fx.Annotate(
		func() sdktrace.SpanProcessor { return p }, fx.ResultTags(`group:"otelsdk.span_processors"`)))
}

// New checks the settings and returns providers. From the start of the app to its stop
// they lead to an SDK. New is the constructor of [Module]. Its error names every
// variable with a bad value and says which values are valid.
func New(p Params) (telemetry.Providers, error) {
	s := &sdk{log: logbridge.Either(p.Logger, p.Slog), identity: p.Identity, processors: p.Processors}
	if p.Logger == nil && p.Slog != nil {
		s.bridged = p.Slog.Handler()
	}
	providers := telemetry.Providers{Tracer: p.Tracer, Meter: p.Meter}
	if providers.Tracer == nil {
		providers.Tracer = s.tracerProvider()
	}
	if providers.Meter == nil {
		providers.Meter = s.meterProvider()
	}
	if logs.wanted() {
		s.wanted = append(s.wanted, logs)
	}
	if err := check(s.wanted); err != nil {
		return telemetry.Providers{}, err
	}
	if len(s.wanted) > 0 {
		p.Lifecycle.Append(fx.StartStopHook(s.start, s.stop))
	}
	return providers, nil
}

// sdk holds an app's parts of the SDK. They are built at each start of the app.
type sdk struct {
	log      *logrus.Logger
	bridged  slog.Handler // the handler behind log, if log is a bridge
	identity Identity
	wanted   []signal
	tracers  tracers
	meters   meters

	processors []sdktrace.SpanProcessor // the program's own

	mu      sync.Mutex
	parts   []part // the parts that have been built, in the order of their building
	errors  *errorLog
	release func()          // puts OpenTelemetry's old error handler back; nil while nothing is built
	over    context.Context // ends when the export ends
	giveUp  context.CancelFunc
}

// tracerProvider returns the provider for spans if the program has none.
func (s *sdk) tracerProvider() trace.TracerProvider {
	switch {
	case disabled():
		return tracenoop.NewTracerProvider()
	case !traces.wanted() && len(s.processors) == 0:
		return otel.GetTracerProvider()
	}
	s.wanted = append(s.wanted, traces)
	return &s.tracers
}

// meterProvider returns the provider for metrics if the program has none.
func (s *sdk) meterProvider() metric.MeterProvider {
	switch {
	case disabled():
		return metricnoop.NewMeterProvider()
	case !metrics.wanted():
		return otel.GetMeterProvider()
	}
	s.wanted = append(s.wanted, metrics)
	s.meters.early = func(scope string) {
		s.log.WithField("scope", scope).Warn("instruments that are made before the app starts record nothing: " +
			"make them in an OnStart hook")
	}
	return &s.meters
}

// start builds the SDK. It first shuts down what an earlier start has left: fx calls no
// stop for an app whose start timed out.
func (s *sdk) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.release != nil {
		before, cancel := context.WithTimeout(ctx, leftover)
		s.shutdown(before)
		cancel()
	}
	s.errors = newErrorLog(s.log)
	s.release = handleErrors(s.errors)
	s.over, s.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	for _, wanted := range s.wanted {
		if err := s.build(ctx, wanted); err != nil {
			s.shutdown(ctx) // the parts built so far; fx does not stop a hook whose start failed
			return err
		}
	}
	return nil
}

// stop flushes within half of the time that is left, and shuts down the SDK. Its errors
// are only logged.
func (s *sdk) stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutdown(ctx)
	return nil
}
