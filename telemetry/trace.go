package telemetry

import (
	"context"
	"crypto/sha256"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
)

// TraceID returns the ID of the trace that contains the spans of all nodes of a
// ceremony. It is the first 16 bytes of the SHA-256 hash of "dkgsync/trace/v1\0"
// followed by the definition hash. Two runs of one definition share it.
func TraceID(definitionHash []byte) trace.TraceID {
	sum := sha256.Sum256(append([]byte("dkgsync/trace/v1\x00"), definitionHash...))
	return trace.TraceID(sum[:len(trace.TraceID{})])
}

// rootContext returns a context whose span context has only a trace ID. A span that
// starts from it is a root of that trace, and the program's sampler decides whether to
// record it. A made-up parent would override the sampler and leave a permanent warning
// in Jaeger.
func rootContext(id trace.TraceID) context.Context {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id})
	return trace.ContextWithSpanContext(context.Background(), sc)
}

// The start span lasts 1 ns (instant), and any other span at least 1 µs (shortest).
// Jaeger warns of a span that lasts no time. If a span reaches outside its parent
// but is at most as long as the parent, Jaeger assumes that the clocks differ, and
// moves the span.
const (
	instant  = time.Nanosecond
	shortest = time.Microsecond
)

// start makes the start span if it does not exist yet. It is the parent of all other
// spans. It ends at once. Nobody can see a span that is still open, and its children
// would have warnings until it ended.
func (c *Ceremony) start(at time.Time, caller trace.SpanContext) {
	if c.started {
		return
	}
	c.started, c.since = true, at
	opts := []trace.SpanStartOption{trace.WithTimestamp(at), trace.WithAttributes(
		keyHash.String(c.hash), keyNodeIndex.Int(c.info.Index), keyNodeCount.Int(len(c.info.Peers)),
		keyAttempt.Int(c.info.Attempt), keySpan.String(spanStart),
	)}
	if caller.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	c.t.reporter.carryOut("the span "+spanStart, func() {
		name := c.t.names.name(spanStart, c.who(c.info.Index))
		_, made := c.t.to().tracer.Start(c.root, name, opts...)
		if sc := made.SpanContext(); sc.HasTraceID() {
			c.rooted = trace.ContextWithSpanContext(context.Background(), sc)
		}
		made.End(trace.WithTimestamp(at.Add(instant)))
	})
}

// span is a span that is recorded after it has ended.
type span struct {
	name           string // one of the span constants
	about          string // what follows it in the span's name; may be empty
	kind           trace.SpanKind
	started, ended time.Time
	attrs          []attribute.KeyValue
	events         func() []event    // called only if the span is recorded; may be nil
	link           trace.SpanContext // may be invalid, for a span without a link
	err            error
	errType        string
}

// event is an event within a span.
type event struct {
	at    time.Time
	attrs []attribute.KeyValue
}

// record makes a span and returns the context for the metrics and the log line that
// belong to it. If making the span panics, metrics and log line are still recorded.
func (c *Ceremony) record(s span) context.Context {
	var sc trace.SpanContext
	c.t.reporter.carryOut("the span "+s.name, func() {
		s.started = c.clampStart(s.started)
		opts := []trace.SpanStartOption{
			trace.WithSpanKind(s.kind), trace.WithTimestamp(s.started),
			trace.WithAttributes(append(s.attrs, keySpan.String(s.name), keyNodeIndex.Int(c.info.Index))...),
		}
		if s.link.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: s.link}))
		}
		_, made := c.t.to().tracer.Start(c.rooted, c.t.names.name(s.name, s.about), opts...)
		sc = made.SpanContext()
		if s.events != nil && made.IsRecording() {
			for _, e := range s.events() {
				made.AddEvent(eventArrived, trace.WithTimestamp(e.at), trace.WithAttributes(e.attrs...))
			}
		}
		fail(made, s.errType, s.err)
		end(made, s.started, s.ended)
	})
	return c.under(sc)
}

// under returns a context that carries only the span context, for logs and exemplars.
// If no span was made, it returns the context of the ceremony.
func (c *Ceremony) under(sc trace.SpanContext) context.Context {
	if sc.HasTraceID() {
		return trace.ContextWithSpanContext(context.Background(), sc)
	}
	return c.rooted
}

// clampStart returns the later of two times: at, and the start of the ceremony's
// start span. A span must not begin before its parent.
func (c *Ceremony) clampStart(at time.Time) time.Time {
	if at.Before(c.since) {
		return c.since
	}
	return at
}

// end ends a span. It makes the span last at least 1 µs (shortest).
func end(s trace.Span, started, ended time.Time) {
	s.End(trace.WithTimestamp(started.Add(max(ended.Sub(started), shortest))))
}

// fail records an error, if there is one. It leaves the status of a success unset. It
// also leaves the status unset if this node itself stopped the work, which is not an
// error.
func fail(s trace.Span, errType string, err error) {
	if errType == "" && err == nil {
		return
	}
	if errType == "" {
		errType = report.TypeOther
	}
	s.SetAttributes(keyErrorType.String(errType))
	if errType == report.TypeStopped {
		return
	}
	description := errType
	if err != nil {
		description = err.Error()
	}
	s.SetStatus(codes.Error, description)
}

// traceparent is the name of the header in W3C Trace Context.
const traceparent = "traceparent"

var w3c propagation.TraceContext

// formatTraceparent returns a span context in W3C form. It returns an empty text for a
// span that is not sampled, because nobody will ever see that span.
func formatTraceparent(sc trace.SpanContext) string {
	if !sc.IsValid() || !sc.IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	w3c.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	return carrier[traceparent]
}

// parseTraceparent returns the span that a peer has sent in W3C form. It returns an
// invalid span context unless the span belongs to our trace, because the span is only
// used for a link within that trace.
func parseTraceparent(text string, ours trace.TraceID) trace.SpanContext {
	const length = 55 // in version 00, the only one that formatTraceparent writes
	if len(text) != length || text[:2] != "00" {
		return trace.SpanContext{}
	}
	ctx := w3c.Extract(context.Background(), propagation.MapCarrier{traceparent: text})
	sc := trace.SpanContextFromContext(ctx)
	if sc.TraceID() != ours {
		return trace.SpanContext{}
	}
	return sc
}
