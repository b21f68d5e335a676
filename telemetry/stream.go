package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"
)

// streamCount is how many streams of one role are open.
type streamCount = atomic.Int64

// role indexes what exists for each role of a stream.
type role int

const (
	client role = iota
	server
)

func (r role) String() string {
	if r == server {
		return roleServer
	}
	return roleClient
}

// Stream is a stream that is open.
type Stream struct {
	c     *Ceremony
	start StreamStart
	role  role
	span  trace.Span
	begun time.Time // that span
	ctx   context.Context
	ended atomic.Bool
}

// Stream reports that a stream has been opened. It has to be ended.
func (c *Ceremony) Stream(o StreamStart) *Stream {
	s := &Stream{c: c, start: o}
	kind := trace.SpanKindClient
	opts := make([]trace.SpanStartOption, 0, 4)
	if o.Inbound {
		s.role, kind = server, trace.SpanKindServer
		if sc, ok := parseTraceparent(o.Traceparent, c.traceID); ok {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
		}
	}
	parent := c.ctx()
	s.begun = c.beginning(o.At)
	opts = append(opts, trace.WithSpanKind(kind), trace.WithTimestamp(s.begun), trace.WithAttributes(c.peer(o.Peer, keyStreamRelayed.Bool(o.Relayed))...))
	c.open[s.role].Add(1)
	ctx, span := c.t.tracer.Start(parent, spanStream, opts...)
	s.span, s.ctx = span, c.under(ctx)
	return s
}

// Traceparent is what the first request of an outbound stream carries, in W3C
// form; empty when there is nothing to link to.
func (s *Stream) Traceparent() string { return formatTraceparent(s.span.SpanContext()) }

// Message counts a request that was answered.
func (s *Stream) Message() { s.c.t.instruments.messages.Add(s.ctx, 1, s.c.t.messages[s.role]...) }

// RTT records a round trip of an outbound stream.
func (s *Stream) RTT(d time.Duration) {
	s.c.t.instruments.rtt.Record(s.ctx, d.Seconds(), s.c.peers[s.start.Peer].rtt...)
}

// End reports that the stream has ended, once.
func (s *Stream) End(o StreamEnd) {
	if s.ended.Swap(true) {
		return
	}
	took := o.At.Sub(s.start.At)
	s.c.open[s.role].Add(-1)
	s.span.SetAttributes(keyMessages.Int64(o.Messages), keyEndReason.String(o.Reason))
	errType := o.Type
	if errType == "" && o.Reason == EndProtocol {
		errType = TypeOther
	}
	fail(s.span, errType, o.Err)
	end(s.span, s.begun, o.At)
	s.c.t.instruments.stream.Record(s.ctx, took.Seconds(), recording(keyRole.String(s.role.String()), keyEndReason.String(o.Reason))...)

	entry := s.c.about(s.ctx, s.start.Peer).WithFields(logrus.Fields{
		"role": s.role.String(), "relayed": s.start.Relayed, "took": took, "messages": o.Messages, "end_reason": o.Reason,
	})
	if o.Err != nil {
		entry.WithError(o.Err).Log(s.c.level(s.start.Peer, logrus.WarnLevel, o.At), "stream ended by an error")
		return
	}
	entry.Debug("stream ended")
}
