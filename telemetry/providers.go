package telemetry

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Providers receives the spans of a program whose fx graph has no
// trace.TracerProvider, and the metrics of one whose graph has no metric.MeterProvider.
// If the program provides one of these, it takes precedence. Providers is a separate
// type because fx refuses two constructors for the same type.
//
// The SDK behind Providers may not exist before the app starts, and each start may
// build a new one. A program may make a tracer at any time, but it must make its
// instruments in an OnStart hook.
type Providers struct {
	Tracer trace.TracerProvider // makes tracers, for spans
	Meter  metric.MeterProvider // makes meters, for metrics
}
