package otelsdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/telemetry"
)

// Module provides [telemetry.Providers], configured by OTEL_*. It takes what the
// program has of its own, by exactly these types: trace.TracerProvider,
// metric.MeterProvider, *logrus.Logger, [Identity].
var Module fx.Option = fx.Module("otelsdk",
	fx.Provide(New),
	fx.Invoke(func(telemetry.Providers) {}), // early, so that what is made later ends before the flush
)

// Identity is what the program is called in its telemetry, where OTEL_SERVICE_NAME
// and OTEL_RESOURCE_ATTRIBUTES say nothing else.
type Identity struct {
	Service  string // service.name; default the name of the executable
	Instance string // service.instance.id; default a random UUID
}

// Params is what New takes from the graph.
type Params struct {
	fx.In

	Lifecycle fx.Lifecycle
	Identity  Identity             `optional:"true"`
	Logger    *logrus.Logger       `optional:"true"`
	Tracer    trace.TracerProvider `optional:"true"`
	Meter     metric.MeterProvider `optional:"true"`
}

// New makes the providers. [Module] provides with it. Its errors name the
// variable that cannot be followed.
func New(p Params) (telemetry.Providers, error) {
	log := p.Logger
	if log == nil {
		log = logrus.StandardLogger()
	}
	providers := telemetry.Providers{Tracer: otel.GetTracerProvider(), Meter: otel.GetMeterProvider()}
	if disabled() {
		providers = telemetry.Providers{Tracer: tracenoop.NewTracerProvider(), Meter: metricnoop.NewMeterProvider()}
	}
	made := &sdk{log: log, identity: p.Identity}
	err := errors.Join(
		made.traces(p.Tracer, &providers.Tracer),
		made.metrics(p.Meter, &providers.Meter),
		made.logs(),
	)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return telemetry.Providers{}, errors.Join(err, made.shutdown(ctx))
	}
	p.Lifecycle.Append(fx.StopHook(made.stop))
	return providers, nil
}

// sdk is what has been built here, and has to be shut down.
type sdk struct {
	log      *logrus.Logger
	identity Identity
	parts    []part
}

type part struct {
	signal   string
	shutdown func(context.Context) error
}

// patience is what the flush gets when nobody says how long stopping may take.
const patience = 5 * time.Second

// stop flushes within half of the time that is left. Its errors are nobody's
// business but the log's.
func (s *sdk) stop(ctx context.Context) error {
	timeout := patience
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline) / 2
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.shutdown(ctx); err != nil {
		s.log.WithError(err).Warn("telemetry was not flushed in full")
	}
	return nil
}

// shutdown shuts everything down at the same time, and does not wait for what
// forgets its context.
func (s *sdk) shutdown(ctx context.Context) error {
	var mu sync.Mutex
	errs := make(map[string]error, len(s.parts))
	for _, p := range s.parts {
		errs[p.signal] = context.DeadlineExceeded // until it is known
	}
	var wg sync.WaitGroup
	for _, p := range s.parts {
		wg.Go(func() {
			err := p.shutdown(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs[p.signal] = err
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	var all []error
	for _, p := range s.parts {
		if err := errs[p.signal]; err != nil {
			all = append(all, fmt.Errorf("flushing %s: %w", p.signal, err))
		}
	}
	return errors.Join(all...)
}
