package telemetry

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Providers are where spans and metrics go in a program that has no providers of
// its own in its fx graph. A type of its own, because fx refuses two providers of
// one type: a program may provide a trace.TracerProvider as well, which counts
// more.
type Providers struct {
	Tracer trace.TracerProvider
	Meter  metric.MeterProvider
}
