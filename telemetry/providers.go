package telemetry

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Providers receive the spans and metrics of a program that has no provider of its
// own in its fx graph. They have a type of their own because fx refuses two
// constructors of one type: a program may provide a trace.TracerProvider as well,
// which takes precedence.
//
// The SDK behind them may be built as late as at the start of the app, and anew at
// each start. A tracer may be made before; instruments belong into an OnStart hook.
type Providers struct {
	Tracer trace.TracerProvider
	Meter  metric.MeterProvider
}
