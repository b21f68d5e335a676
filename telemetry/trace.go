package telemetry

import (
	"context"
	"crypto/sha256"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceID returns the ID of the trace in which the spans of all nodes of a
// ceremony meet: the first 16 bytes of SHA-256("dkgsync/trace/v1\0" and the
// definition hash). Two runs of one definition share it.
func TraceID(definitionHash []byte) trace.TraceID {
	sum := sha256.Sum256(append([]byte("dkgsync/trace/v1\x00"), definitionHash...))
	return trace.TraceID(sum[:len(trace.TraceID{})])
}

// rootContext carries a span context that has a trace ID and nothing else: what
// starts from it is a root of that trace, and the program's sampler decides
// about it. A made-up parent would override the sampler, and leave a warning in
// Jaeger for ever.
func rootContext(id trace.TraceID) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id}))
}

// How long S lives, and any other span at the least. Jaeger warns of a span that
// ends when it starts, and of one that lives no longer than its parent, where it
// takes what is not within the parent for a clock that is wrong.
const (
	instant  = time.Nanosecond
	shortest = time.Microsecond
)

// start makes S, the parent of all other spans, when it is first needed. It ends
// at once: a span that is open cannot be seen, and its children would carry
// warnings.
func (c *Ceremony) start(at time.Time, caller trace.SpanContext) {
	c.started.Do(func() {
		c.since = at
		opts := []trace.SpanStartOption{trace.WithTimestamp(at), trace.WithAttributes(
			keyHash.String(c.hash), keyNodeIndex.Int(c.info.Index), keyNodeCount.Int(len(c.info.Peers)),
		)}
		if caller.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
		}
		_, span := c.t.tracer.Start(rootContext(c.traceID), spanStart, opts...)
		span.End(trace.WithTimestamp(at.Add(instant)))
		if sc := span.SpanContext(); sc.HasTraceID() {
			c.rooted = trace.ContextWithSpanContext(context.Background(), sc)
		}
	})
}

// ctx carries the span context of S: spans start from it, and log lines get
// their trace ID from it.
func (c *Ceremony) ctx() context.Context {
	c.start(time.Now(), trace.SpanContext{})
	return c.rooted
}

// span is one that has ended by the time it is recorded.
type span struct {
	name           string
	kind           trace.SpanKind
	started, ended time.Time
	attrs          []attribute.KeyValue
	events         func() []event    // asked for where somebody is interested; nil: none
	link           trace.SpanContext // invalid: none
	err            error
	errType        string
}

// event happened within a span.
type event struct {
	at    time.Time
	attrs []attribute.KeyValue
}

// record makes a span, and returns its context.
func (c *Ceremony) record(s span) context.Context {
	parent := c.ctx()
	s.started = c.beginning(s.started)
	opts := []trace.SpanStartOption{trace.WithSpanKind(s.kind), trace.WithTimestamp(s.started), trace.WithAttributes(s.attrs...)}
	if s.link.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: s.link}))
	}
	ctx, made := c.t.tracer.Start(parent, s.name, opts...)
	if s.events != nil && made.IsRecording() {
		for _, e := range s.events() {
			made.AddEvent(eventArrived, trace.WithTimestamp(e.at), trace.WithAttributes(e.attrs...))
		}
	}
	fail(made, s.errType, s.err)
	end(made, s.started, s.ended)
	return c.under(ctx)
}

// under returns a context in which nothing but what is recorded goes with what
// is logged and counted: a span that has ended is of no more use.
func (c *Ceremony) under(ctx context.Context) context.Context {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return trace.ContextWithSpanContext(context.Background(), sc)
	}
	return c.ctx()
}

// beginning is when a span begins that is said to have begun at a time: not before
// its parent, whatever was there before the ceremony was opened.
func (c *Ceremony) beginning(at time.Time) time.Time {
	if at.Before(c.since) {
		return c.since
	}
	return at
}

func end(s trace.Span, started, ended time.Time) {
	s.End(trace.WithTimestamp(started.Add(max(ended.Sub(started), shortest))))
}

// fail notes an error. Success stays unset, and so does what this node has ended
// itself: that is nobody's error.
func fail(s trace.Span, errType string, err error) {
	if errType == "" && err == nil {
		return
	}
	if errType == "" {
		errType = TypeOther
	}
	s.SetAttributes(keyErrorType.String(errType))
	if errType == TypeStopped {
		return
	}
	description := errType
	if err != nil {
		description = err.Error()
	}
	s.SetStatus(codes.Error, description)
}

// The header's name as W3C Trace Context spells it.
const traceparent = "traceparent"

var w3c propagation.TraceContext

// formatTraceparent writes a span context in W3C form; it is empty for a span
// that nobody will ever see.
func formatTraceparent(sc trace.SpanContext) string {
	if !sc.IsValid() || !sc.IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	w3c.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	return carrier[traceparent]
}

// parseTraceparent reads what a peer has sent. It is good for a link within one
// trace, and for nothing else: whatever else it says is worth nothing.
func parseTraceparent(text string, ours trace.TraceID) (trace.SpanContext, bool) {
	const length = 55 // of version 00, the only one that we write
	if len(text) != length || text[:2] != "00" {
		return trace.SpanContext{}, false
	}
	ctx := w3c.Extract(context.Background(), propagation.MapCarrier{traceparent: text})
	sc := trace.SpanContextFromContext(ctx)
	return sc, sc.IsValid() && sc.TraceID() == ours
}
