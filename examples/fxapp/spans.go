package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/telemetry"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// spanMemory keeps the spans of one node for the timeline. It is a span
// processor, beside that of an exporter if OTEL_* asks for one.
type spanMemory struct {
	mu    sync.Mutex
	ended []sdktrace.ReadOnlySpan
}

func (*spanMemory) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (*spanMemory) ForceFlush(context.Context) error                { return nil }
func (*spanMemory) Shutdown(context.Context) error                  { return nil }

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

// option makes the node that is called so remember its spans.
func (m *spanMemory) option(name string, index int) fx.Option {
	return fx.Options(
		fx.Supply(otelsdk.Identity{Service: telemetry.ServiceName(name, index), Namespace: "dkg", Instance: name}),
		otelsdk.WithSpanProcessor(m),
	)
}

// withoutMetrics is for all nodes but the first when metrics are to be scraped:
// the nodes are one process, and one port is not for all of them.
func withoutMetrics(node int) fx.Option {
	exporters := strings.Split(os.Getenv("OTEL_METRICS_EXPORTER"), ",")
	if node == 0 || !slices.Contains(exporters, "prometheus") {
		return fx.Options()
	}
	return fx.Provide(func() metric.MeterProvider { return noop.NewMeterProvider() })
}

// isOfEarlierAttempt tells whether a span is of an attempt before the last one.
func (n record) isOfEarlierAttempt(span sdktrace.ReadOnlySpan) bool {
	return span.StartTime().Before(n.began)
}

// timeline draws the last attempt from the spans of its nodes.
func (r *report) timeline() string {
	names := make([]string, len(r.nodes))
	spans := make([][]sdktrace.ReadOnlySpan, len(r.nodes))
	for i, n := range r.nodes {
		names[i], spans[i] = r.plan.members[i].name, slices.DeleteFunc(n.spans.spans(), n.isOfEarlierAttempt)
	}
	t := newTimeline(names, spans)
	if !t.traceID.IsValid() {
		return fmt.Sprintf("trace %s: no node has recorded anything\n", telemetry.TraceID(r.plan.hash))
	}
	drawn := t.draw(columns(), isColourTerminal(r.out))
	return fmt.Sprintf("trace %s, from the spans of all nodes:\n%s", t.traceID, drawn)
}
