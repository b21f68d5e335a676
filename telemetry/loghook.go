package telemetry

import (
	"context"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"
)

// NewLogHook returns a hook that adds trace_id and span_id to the lines that are
// logged with a context (logrus.WithContext). The lines of this module carry them
// already: the hook is for a program's own, and for its logger to install.
func NewLogHook() logrus.Hook { return logHook{} }

type logHook struct{}

// Levels are all.
func (logHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire adds the fields to a line.
func (logHook) Fire(e *logrus.Entry) error {
	addTrace(e.Context, e.Data)
	return nil
}

// addTrace adds what the context knows. A ceremony has a trace ID even where
// nothing records spans.
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
