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

// Module provides [telemetry.Providers], configured by OTEL_*. It takes what the
// program has of its own, by exactly these types: trace.TracerProvider,
// metric.MeterProvider, *logrus.Logger or else *slog.Logger, [Identity].
var Module fx.Option = fx.Module("otelsdk",
	fx.Provide(New),
	fx.Invoke(func(telemetry.Providers) {}), // early, so that what is made later ends before the flush
)

// Identity is what the program is called in its telemetry, where OTEL_SERVICE_NAME
// and OTEL_RESOURCE_ATTRIBUTES say nothing else.
type Identity struct {
	Service   string // service.name; default the name of the executable; see telemetry.ServiceName
	Namespace string // service.namespace, the same for nodes that belong together; default none
	Instance  string // service.instance.id; default a random UUID
}

// Params is what New takes from the graph.
type Params struct {
	fx.In

	Lifecycle fx.Lifecycle
	Identity  Identity             `optional:"true"`
	Logger    *logrus.Logger       `optional:"true"`
	Slog      *slog.Logger         `optional:"true"` // where there is no Logger
	Tracer    trace.TracerProvider `optional:"true"`
	Meter     metric.MeterProvider `optional:"true"`
	// Processors get every span, see WithSpanProcessor.
	Processors []sdktrace.SpanProcessor `group:"otelsdk.span_processors"`
}

// WithSpanProcessor gives the spans of the program to a processor as well, whether or
// not the operator asks for an exporter. It is shut down with the SDK.
func WithSpanProcessor(p sdktrace.SpanProcessor) fx.Option {
	return fx.Provide(fx.Annotate(
		func() sdktrace.SpanProcessor { return p }, fx.ResultTags(`group:"otelsdk.span_processors"`)))
}

// New checks the settings, and returns providers that lead to an SDK from the start
// of the app to its stop. [Module] provides with it. Its error names every variable
// that cannot be followed, and says what can be.
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

// sdk is what an app has of the SDK. It is built at each start of the app.
type sdk struct {
	log      *logrus.Logger
	bridged  slog.Handler // where log leads, if it is a bridge
	identity Identity
	wanted   []signal
	tracers  tracers
	meters   meters

	processors []sdktrace.SpanProcessor // of the program's

	mu      sync.Mutex
	parts   []part // what has been built, in this order
	errors  *errorLog
	release func()          // gives OpenTelemetry's error handler back; nil while nothing is built
	over    context.Context // ends when nothing is exported any more
	giveUp  context.CancelFunc
}

// tracerProvider returns where spans go that the program has no provider for.
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

// meterProvider returns where metrics go that the program has no provider for.
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

// start builds the SDK. Where an earlier start of the app has timed out fx has called no stop.
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
			s.shutdown(ctx) // of what has been built so far; fx stops no hook whose start has failed
			return err
		}
	}
	return nil
}

// stop flushes within half of the time that is left, and ends the SDK. Its errors
// are nobody's business but the log's.
func (s *sdk) stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutdown(ctx)
	return nil
}
