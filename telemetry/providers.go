package telemetry

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Providers receive the spans and metrics of a program that has no provider of its
// own in its fx graph. They have a type of their own because fx refuses two
// constructors of one type: a program may provide a trace.TracerProvider as well,
// which takes precedence.
type Providers struct {
	Tracer trace.TracerProvider
	Meter  metric.MeterProvider
}
