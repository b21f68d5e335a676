package otelsdk

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanCounter notices spans that are lost between their end and their export. The SDK drops spans silently when its
// queue is full.
type spanCounter struct {
	errors *errorLog
	over   context.Context // ends when the export ends
	limit  int64           // how many spans can wait
	ended  atomic.Int64
	taken  atomic.Int64 // spans that the exporter has received
	sent   atomic.Int64 // spans that the exporter has sent
	next   atomic.Int64 // how many spans must be lost before the next line about them
}

// queueLimit returns how many spans can wait for their export, in the queue and in the current batch.
func queueLimit() int64 {
	limit := int64(0)
	for name, value := range map[string]int64{
		"OTEL_BSP_MAX_QUEUE_SIZE":        sdktrace.DefaultMaxQueueSize,
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": sdktrace.DefaultMaxExportBatchSize,
	} {
		if set, err := strconv.ParseInt(get(name), 10, 64); err == nil {
			value = set
		}
		limit += value
	}
	return limit
}

func (c *spanCounter) processor(to sdktrace.SpanProcessor) sdktrace.SpanProcessor {
	return countingProcessor{to, c}
}

func (c *spanCounter) exporter(to sdktrace.SpanExporter) sdktrace.SpanExporter {
	return countingExporter{to, c}
}

// end counts a span that has ended. If more spans are waiting than the queue and the current batch can hold, the
// surplus is lost, and the log says how many spans that is. It says so again when the number has doubled.
func (c *spanCounter) end() {
	lost := c.ended.Add(1) - c.taken.Load() - c.limit
	if next := c.next.Load(); lost > next && c.next.CompareAndSwap(next, 2*lost) {
		c.errors.Handle(fmt.Errorf("lost spans so far: %d; they come faster than they can be exported, "+
			"see OTEL_BSP_MAX_QUEUE_SIZE", lost))
	}
}

// lost returns an error if some spans were not exported. Call it at the end.
func (c *spanCounter) lost() error {
	ended := c.ended.Load()
	if n := ended - c.sent.Load(); n > 0 {
		return fmt.Errorf("lost spans: %d of %d have not been exported", n, ended)
	}
	return nil
}

type countingProcessor struct {
	sdktrace.SpanProcessor
	counter *spanCounter
}

// OnEnd counts a span and passes it on.
func (p countingProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() { // other spans are not exported
		p.counter.end()
	}
	p.SpanProcessor.OnEnd(s)
}

type countingExporter struct {
	sdktrace.SpanExporter
	counter *spanCounter
}

// ExportSpans counts spans and exports them.
func (e countingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.counter.taken.Add(int64(len(spans)))
	ctx, cancel := until(ctx, e.counter.over)
	defer cancel()
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && e.counter.over.Err() != nil:
		return nil // the stop has reported how many are lost
	case err != nil:
		return fmt.Errorf("lost spans: %d: %w", len(spans), err)
	}
	e.counter.sent.Add(int64(len(spans)))
	return nil
}
