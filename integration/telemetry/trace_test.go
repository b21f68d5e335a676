package telemetry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// This module relies on behaviour that the SDK does not promise: a parent with a trace
// ID and no span ID makes a root span of that trace, and the sampler decides about it
// as about any root.
func TestTheSDKMakesRootsByTraceID(t *testing.T) {
	id := telemetry.TraceID(hash)
	parent := trace.ContextWithSpanContext(context.Background(),
		trace.NewSpanContext(trace.SpanContextConfig{TraceID: id}))
	for _, tc := range []struct {
		sampler sdktrace.Sampler
		sampled bool
	}{
		{sdktrace.AlwaysSample(), true},
		{sdktrace.NeverSample(), false},
		{sdktrace.ParentBased(sdktrace.AlwaysSample()), true},
		{sdktrace.ParentBased(sdktrace.NeverSample()), false},
		{sdktrace.ParentBased(sdktrace.TraceIDRatioBased(1)), true},
		{sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0)), false},
	} {
		t.Run(tc.sampler.Description(), func(t *testing.T) {
			provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(tc.sampler))

			_, span := provider.Tracer("test").Start(parent, "root")

			require.Equal(t, id, span.SpanContext().TraceID())
			require.True(t, span.SpanContext().HasSpanID())
			require.Equal(t, tc.sampled, span.SpanContext().IsSampled())
			if root, ok := span.(sdktrace.ReadOnlySpan); ok {
				require.False(t, root.Parent().HasSpanID())
			}
		})
	}
}

func TestTheStartIsEverySpansParent(t *testing.T) {
	s := newScene(t)
	s.everything()

	start := s.span("dkgsync.ceremony.start")
	require.False(t, start.Parent().HasSpanID())
	require.Equal(t, time.Nanosecond, start.EndTime().Sub(start.StartTime()))
	for _, span := range s.ended() {
		require.Equal(t, telemetry.TraceID(hash), span.SpanContext().TraceID(), span.Name())
		if span.Name() != start.Name() {
			require.Equal(t, start.SpanContext().SpanID(), span.Parent().SpanID(), span.Name())
			require.False(t, span.Parent().IsRemote(), span.Name())
		}
	}
	require.ElementsMatch(t, spanIDs(s.started()), spanIDs(s.ended()))
}

func TestTheStartLinksToTheCaller(t *testing.T) {
	s := newScene(t)
	caller := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	c := s.ceremony()

	c.Opened(caller, noon)
	defer c.Closed()

	links := s.span("dkgsync.ceremony.start").Links()
	require.Len(t, links, 1)
	require.Equal(t, caller, links[0].SpanContext)
}

func TestDroppingTheStartDropsAll(t *testing.T) {
	s := newScene(t, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	s.everything()

	require.Empty(t, s.started())
	require.Contains(t, s.text(), "trace_id="+telemetry.TraceID(hash).String(),
		"the logs of all nodes still have the same trace ID")
}

func TestAServerStreamLinksItsClient(t *testing.T) {
	theirs, ours := newScene(t), newScene(t)
	out := theirs.opened().Stream(report.StreamStart{Peer: 1, At: noon})
	defer out.End(report.StreamEnd{At: noon})

	theirs.flush()
	in := ours.opened().Stream(report.StreamStart{Peer: 1, Inbound: true, At: noon})
	in.Link("")
	in.Link(out.Traceparent())
	in.Link("00-" + telemetry.TraceID(hash).String() + "-00f067aa0ba902b7-01")
	in.End(report.StreamEnd{At: after(time.Second)})

	links := ours.span("dkgsync.stream").Links()
	require.Len(t, links, 1)
	require.Equal(t, theirs.started()[1].SpanContext().SpanID(), links[0].SpanContext.SpanID())
	require.Equal(t, telemetry.TraceID(hash), links[0].SpanContext.TraceID())
}

func TestNoTraceparentWithoutRecording(t *testing.T) {
	s := newScene(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	stream := s.opened().Stream(report.StreamStart{Peer: 1, At: noon})
	defer stream.End(report.StreamEnd{At: noon})
	s.flush()

	require.True(t, stream.SpanContext().IsValid())
	require.Empty(t, stream.Traceparent())
}

func TestABadTraceparentIsIgnored(t *testing.T) {
	ours := telemetry.TraceID(hash).String()
	const span = "00f067aa0ba902b7"
	for name, traceparent := range map[string]string{
		"another trace":         "00-" + strings.Repeat("1", 32) + "-" + span + "-01",
		"no trace":              "00-" + strings.Repeat("0", 32) + "-" + span + "-01",
		"no span":               "00-" + ours + "-0000000000000000-01",
		"upper case":            "00-" + strings.ToUpper(ours) + "-" + span + "-01",
		"another version":       "cc-" + ours + "-" + span + "-01",
		"more than the version": "00-" + ours + "-" + span + "-01-more",
		"not hex":               "00-" + ours + "-zzf067aa0ba902b7-01",
		"not text":              "\x00\xff",
		"long":                  strings.Repeat("00-", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			in := s.opened().Stream(report.StreamStart{Peer: 1, Inbound: true, At: noon})
			in.Link(traceparent)
			in.End(report.StreamEnd{At: after(time.Second)})

			require.Empty(t, s.span("dkgsync.stream").Links())
		})
	}
	t.Run("ours, not sampled", func(t *testing.T) {
		s := newScene(t)
		in := s.opened().Stream(report.StreamStart{Peer: 1, Inbound: true, At: noon})
		in.Link("00-" + ours + "-" + span + "-00")
		in.End(report.StreamEnd{At: after(time.Second)})

		got := s.span("dkgsync.stream")
		require.True(t, got.SpanContext().IsSampled(), "a peer's flag says nothing about our spans")
		require.Equal(t, s.span("dkgsync.ceremony.start").SpanContext().SpanID(), got.Parent().SpanID())
	})
}

func spanIDs[S sdktrace.ReadOnlySpan](spans []S) []string {
	ids := make([]string, len(spans))
	for i, s := range spans {
		ids[i] = s.Name() + " " + s.SpanContext().SpanID().String()
	}
	return ids
}
