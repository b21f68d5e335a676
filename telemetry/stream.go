package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
)

// role is an index into arrays that have an element for each role of a stream.
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

// direction is the direction of the stream, before the name of a member.
func (r role) direction() string {
	if r == server {
		return "from"
	}
	return "to"
}

// kind returns the kind of a stream's span.
func (r role) kind() trace.SpanKind {
	if r == server {
		return trace.SpanKindServer
	}
	return trace.SpanKindClient
}

// Stream reports what happens on one stream.
type Stream struct {
	c     *Ceremony
	start report.StreamStart
	role  role
	ended atomic.Bool
	live  atomic.Pointer[liveSpan]
	link  atomic.Pointer[trace.SpanContext] // the peer's span; invalid if the peer sent nonsense
}

// liveSpan is the span of a stream.
type liveSpan struct {
	span    trace.Span        // nil until the span has been started
	context trace.SpanContext // a copy: only the reporter's goroutine may call the span's methods
	begun   time.Time
	ctx     context.Context // for metrics and log lines about the stream
}

// Stream reports that a stream was opened. The caller must call End later.
func (c *Ceremony) Stream(o report.StreamStart) *Stream {
	s := &Stream{c: c, start: o}
	if o.Inbound {
		s.role = server
	}
	s.live.Store(&liveSpan{ctx: c.root})
	c.open[s.role].Add(1)
	c.queue(detail, "the start of a stream", s.begin)
	return s
}

// begin starts the span, on the reporter's goroutine.
func (s *Stream) begin() {
	c := s.c
	begun := c.clampStart(s.start.At)
	about := ""
	if s.role == server { // a backend's row names the peer only for a CLIENT span
		about = "from " + c.info.Peers[s.start.Peer].Name
	}
	_, span := c.t.to().tracer.Start(c.rooted, c.t.names.name(spanStream, about),
		trace.WithSpanKind(s.role.kind()), trace.WithTimestamp(begun),
		trace.WithAttributes(c.peer(s.start.Peer, keyStreamRelayed.Bool(s.start.Relayed),
			keySpan.String(spanStream), keyNodeIndex.Int(c.info.Index))...))
	sc := span.SpanContext()
	s.live.Store(&liveSpan{span: span, context: sc, begun: begun, ctx: c.under(sc)})
}

// SpanContext returns the span context of the stream's span. It is invalid until the
// span exists. Unless a sink hangs, the span exists soon after the stream was opened.
func (s *Stream) SpanContext() trace.SpanContext {
	return s.live.Load().context
}

// Traceparent returns the stream's span in W3C form, for the peer to link to. It
// returns an empty text until the span exists. If the span is not recorded, the text
// is always empty.
func (s *Stream) Traceparent() string { return formatTraceparent(s.SpanContext()) }

// Link links the stream's span to the span that the peer has sent in W3C form. Only
// the first text that is not empty counts. Link does not trust the text: it ignores a
// text that does not name a span of this ceremony's trace.
func (s *Stream) Link(traceparent string) {
	if traceparent == "" || s.link.Load() != nil {
		return
	}
	sc := parseTraceparent(traceparent, s.c.traceID)
	s.link.CompareAndSwap(nil, &sc)
}

// Message counts an answered request. Like RTT, and unlike the other methods, it
// records at once. It does not allocate.
func (s *Stream) Message() {
	s.c.t.to().messages.Add(s.live.Load().ctx, 1, s.c.t.messages[s.role]...)
}

// RTT records a round trip of an outbound stream. Like Message, and unlike the other
// methods, it records at once. It does not allocate.
func (s *Stream) RTT(d time.Duration) {
	s.c.t.to().rtt.Record(s.live.Load().ctx, d.Seconds(), s.c.peers[s.start.Peer].rtt...)
}

// End reports that the stream has ended. Only the first call counts.
func (s *Stream) End(o report.StreamEnd) {
	if s.ended.Swap(true) {
		return
	}
	s.c.open[s.role].Add(-1)
	s.c.queue(normal, "the end of a stream", func() {
		if o.Type == "" && o.Reason == report.EndProtocol {
			o.Type = report.TypeOther
		}
		s.c.t.reporter.carryOut("the span of a stream", func() { s.endSpan(o) })
		ctx := s.live.Load().ctx
		lasted := o.At.Sub(s.start.At)
		s.c.t.to().stream.Record(ctx, lasted.Seconds(),
			recording(keyRole.String(s.role.String()), keyEndReason.String(o.Reason))...)

		entry := s.c.about(ctx, s.start.Peer, o.At).WithFields(logrus.Fields{
			"role": s.role.String(), "relayed": s.start.Relayed, "took": took(lasted),
			"messages": o.Messages, "end_reason": o.Reason,
		})
		if o.Err != nil {
			level := s.c.level(s.start.Peer, logrus.WarnLevel, o.At)
			if o.Err.Error() == s.c.failure {
				level = logrus.DebugLevel // the line about the ceremony says it
			}
			entry.WithError(o.Err).Logf(level, "the stream %s %s ended "+
				"with an error", s.role.direction(), s.c.who(s.start.Peer))
			return
		}
		entry.Debug("stream ended")
	})
}

// endSpan ends the span. If the report of the stream's start was lost, it starts the
// span first.
func (s *Stream) endSpan(o report.StreamEnd) {
	if s.live.Load().span == nil {
		s.begin()
	}
	live := s.live.Load()
	if link := s.link.Load(); link != nil && link.IsValid() {
		live.span.AddLink(trace.Link{SpanContext: *link})
	}
	live.span.SetAttributes(keyMessages.Int64(o.Messages), keyEndReason.String(o.Reason))
	fail(live.span, o.Type, o.Err)
	end(live.span, live.begun, o.At)
}
