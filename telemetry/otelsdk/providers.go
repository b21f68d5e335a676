package otelsdk

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	metricembedded "go.opentelemetry.io/otel/metric/embedded"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	traceembedded "go.opentelemetry.io/otel/trace/embedded"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// tracers leads to the tracer provider of the running SDK, if there is one.
type tracers struct {
	traceembedded.TracerProvider
	current atomic.Pointer[builtTracers]
}

type builtTracers struct{ trace.TracerProvider }

func (p *tracers) set(to trace.TracerProvider) {
	if to == nil {
		p.current.Store(nil)
		return
	}
	p.current.Store(&builtTracers{to})
}

// Tracer returns a tracer. It may be made before the SDK is built, and it outlives the
// SDK.
func (p *tracers) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	return &tracer{of: p, name: name, opts: opts}
}

type tracer struct {
	traceembedded.Tracer
	of   *tracers
	name string
	opts []trace.TracerOption
	made atomic.Pointer[builtTracer]
}

// builtTracer is the tracer of one SDK.
type builtTracer struct {
	trace.Tracer
	by *builtTracers
}

var noTracer = tracenoop.NewTracerProvider().Tracer("")

// Start begins a span.
func (t *tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	by := t.of.current.Load()
	if by == nil {
		return noTracer.Start(ctx, name, opts...)
	}
	made := t.made.Load()
	if made == nil || made.by != by {
		made = &builtTracer{by.Tracer(t.name, t.opts...), by}
		t.made.Store(made)
	}
	return made.Start(ctx, name, opts...)
}

// meters leads to the meter provider of the running SDK. Unlike a tracer, a meter belongs to one SDK: there are too
// many kinds of instruments to redirect each of them at the next start.
type meters struct {
	metricembedded.MeterProvider
	current atomic.Pointer[builtMeters]
	early   func(scope string) // called when a meter is made while no SDK runs
}

type builtMeters struct{ metric.MeterProvider }

func (p *meters) set(to metric.MeterProvider) {
	if to == nil {
		p.current.Store(nil)
		return
	}
	p.current.Store(&builtMeters{to})
}

// Meter returns a meter of the running SDK. If no SDK runs, it returns a meter that
// records nothing.
func (p *meters) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	if by := p.current.Load(); by != nil {
		return by.Meter(name, opts...)
	}
	p.early(name)
	return metricnoop.NewMeterProvider().Meter(name, opts...)
}
