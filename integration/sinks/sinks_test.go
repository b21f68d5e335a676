package sinks_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

// sink is a part of the program that is called when there is something to report. It
// misbehaves only between its arming and its release.
type sink struct {
	misbehaves atomic.Pointer[func()]
	hit        chan struct{} // closed when the armed sink is called
	released   chan struct{}
	once       sync.Once
}

func newSink(t testing.TB) *sink {
	s := &sink{hit: make(chan struct{}), released: make(chan struct{})}
	t.Cleanup(s.release)
	return s
}

func (s *sink) arm(misbehaves func()) { s.misbehaves.Store(&misbehaves) }

func (s *sink) release() {
	if s.misbehaves.Swap(nil) != nil {
		close(s.released)
	}
}

func (s *sink) call() {
	if misbehaves := s.misbehaves.Load(); misbehaves != nil {
		s.once.Do(func() { close(s.hit) })
		(*misbehaves)()
	}
}

// sinks has options that put a sink into a node's app.
var sinks = map[string]func(testing.TB, *sink) fx.Option{
	"log output": func(_ testing.TB, s *sink) fx.Option {
		return logger(func(log *logrus.Logger) { log.SetOutput(output{s, log.Out}) })
	},
	"log hook": func(_ testing.TB, s *sink) fx.Option {
		return logger(func(log *logrus.Logger) { log.AddHook(hook{s}) })
	},
	"formatter": func(_ testing.TB, s *sink) fx.Option {
		return logger(func(log *logrus.Logger) { log.SetFormatter(formatter{s, log.Formatter}) })
	},
	"slog handler": func(_ testing.TB, s *sink) fx.Option {
		return fx.Decorate(func(log *logrus.Logger) *logrus.Logger {
			return lifecycle.FromSlog(slog.New(handler{s, slog.NewTextHandler(log.Out, nil)}))
		})
	},
	"span processor": func(_ testing.TB, s *sink) fx.Option { return tracer(sdktrace.WithSpanProcessor(processor{s})) },
	"sampler": func(_ testing.TB, s *sink) fx.Option {
		return tracer(sdktrace.WithSampler(sampler{s, sdktrace.AlwaysSample()}))
	},
	"exporter":      func(_ testing.TB, s *sink) fx.Option { return tracer(sdktrace.WithSyncer(exporter{s})) },
	"metric reader": meter,
	"OnEnd": func(_ testing.TB, s *sink) fx.Option {
		return syncmod.OnEnd(func(*syncmod.Ceremony) { s.call() })
	},
}

func logger(change func(*logrus.Logger)) fx.Option {
	return fx.Decorate(func(log *logrus.Logger) *logrus.Logger {
		change(log)
		return log
	})
}

type output struct {
	*sink
	to io.Writer
}

func (o output) Write(p []byte) (int, error) {
	o.call()
	return o.to.Write(p)
}

type hook struct{ *sink }

func (h hook) Levels() []logrus.Level { return logrus.AllLevels }

func (h hook) Fire(*logrus.Entry) error {
	h.call()
	return nil
}

type formatter struct {
	*sink
	logrus.Formatter
}

func (f formatter) Format(e *logrus.Entry) ([]byte, error) {
	f.call()
	return f.Formatter.Format(e)
}

type handler struct {
	*sink
	slog.Handler
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	h.call()
	return h.Handler.Handle(ctx, r)
}

func tracer(opt sdktrace.TracerProviderOption) fx.Option {
	return fx.Supply(fx.Annotate(sdktrace.NewTracerProvider(opt), fx.As(new(trace.TracerProvider))))
}

type processor struct{ *sink }

func (p processor) OnStart(context.Context, sdktrace.ReadWriteSpan) { p.call() }
func (p processor) OnEnd(sdktrace.ReadOnlySpan)                     { p.call() }
func (p processor) Shutdown(context.Context) error                  { return nil }
func (p processor) ForceFlush(context.Context) error                { return nil }

type sampler struct {
	*sink
	sdktrace.Sampler
}

func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s.call()
	return s.Sampler.ShouldSample(p)
}

type exporter struct{ *sink }

func (e exporter) Shutdown(context.Context) error { return nil }

func (e exporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	e.call()
	return nil
}

// meter is a reader that collects all the time. The sink is an instrument of the
// program, which the reader calls while it holds the SDK's lock.
func meter(t testing.TB, s *sink) fx.Option {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	_, err := provider.Meter("the program").Int64ObservableGauge("own",
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			s.call()
			o.Observe(1)
			return nil
		}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var collecting sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		s.release()
		collecting.Wait()
	})
	collecting.Go(func() {
		again := time.NewTicker(5 * time.Millisecond)
		defer again.Stop()
		for ctx.Err() == nil {
			collect(reader)
			<-again.C
		}
	})
	return fx.Supply(fx.Annotate(provider, fx.As(new(metric.MeterProvider))))
}

// collect collects once. It catches the panic of the program's instrument, which is the program's
// own problem.
func collect(reader sdkmetric.Reader) {
	defer func() { _ = recover() }()
	var all metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &all)
}
