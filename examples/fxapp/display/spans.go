package display

import (
	"context"
	"fmt"
	"slices"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/dkgsync/dkgsync/telemetry"
)

// spanMemory keeps the spans of one node for the timeline. It is a span processor that
// works beside an exporter, if OTEL_* asks for one.
type spanMemory struct {
	mu    sync.Mutex
	ended []sdktrace.ReadOnlySpan
}

// OnStart implements [sdktrace.SpanProcessor], as the methods below do.
func (*spanMemory) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// ForceFlush has nothing to flush.
func (*spanMemory) ForceFlush(context.Context) error { return nil }

// Shutdown has nothing to end.
func (*spanMemory) Shutdown(context.Context) error { return nil }

// OnEnd keeps a span.
func (m *spanMemory) OnEnd(span sdktrace.ReadOnlySpan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = append(m.ended, span)
}

func (m *spanMemory) spans() []sdktrace.ReadOnlySpan {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ended)
}

// Spans returns a span processor for the spans of a node. The timeline is drawn from them.
func (r *Report) Spans(node int) sdktrace.SpanProcessor { return r.nodes[node].spans }

// isOfEarlierAttempt reports whether a span belongs to an attempt before the latest one.
func (n record) isOfEarlierAttempt(span sdktrace.ReadOnlySpan) bool {
	return span.StartTime().Before(n.began)
}

// timeline draws the latest attempt from the spans of its nodes.
func (r *Report) timeline() string {
	names := make([]string, len(r.nodes))
	spans := make([][]sdktrace.ReadOnlySpan, len(r.nodes))
	for i, n := range r.nodes {
		names[i], spans[i] = r.ceremony.Members[i], slices.DeleteFunc(n.spans.spans(), n.isOfEarlierAttempt)
	}
	t := newTimeline(names, spans)
	if !t.traceID.IsValid() {
		return fmt.Sprintf("trace %s: no node has recorded anything\n", telemetry.TraceID(r.ceremony.Hash))
	}
	drawn := t.draw(columns(), isColourTerminal(r.out))
	return fmt.Sprintf("trace %s, from the spans of all nodes:\n%s", t.traceID, drawn)
}
