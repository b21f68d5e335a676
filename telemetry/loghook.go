package telemetry

import (
	"context"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"
)

// NewLogHook returns a hook that adds trace_id and span_id to the lines that a
// program logs with a context (logrus.WithContext). This module's own lines have both
// fields without the hook.
func NewLogHook() logrus.Hook { return logHook{} }

type logHook struct{}

// Levels returns all levels.
func (logHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire adds the fields to a line.
func (logHook) Fire(e *logrus.Entry) error {
	addTrace(e.Context, e.Data)
	return nil
}

// addTrace adds the trace ID and the span ID in the context, if any. A ceremony has a
// trace ID even if nothing records spans.
func addTrace(ctx context.Context, fields logrus.Fields) {
	if ctx == nil {
		return
	}
	sc := trace.SpanContextFromContext(ctx)
	if sc.HasTraceID() {
		fields[fieldTraceID] = sc.TraceID().String()
	}
	if sc.HasSpanID() {
		fields[fieldSpanID] = sc.SpanID().String()
	}
}
