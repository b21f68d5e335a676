package telemetry

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Providers receives the spans and metrics of a program whose fx graph has no
// provider. A program may also provide a trace.TracerProvider or a
// metric.MeterProvider, which takes precedence. Providers is a separate type because
// fx refuses two constructors for the same type.
//
// The SDK behind Providers may not exist before the app starts, and each start may
// build a new one. A program may make a tracer at any time, but it must make its
// instruments in an OnStart hook.
type Providers struct {
	Tracer trace.TracerProvider // makes tracers, for spans
	Meter  metric.MeterProvider // makes meters, for metrics
}
