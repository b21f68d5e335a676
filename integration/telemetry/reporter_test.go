package telemetry_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// hanging returns an open ceremony. Its log blocks at the first line until release is
// called.
func hanging(t *testing.T) (s *scene, c *telemetry.Ceremony, release func()) {
	t.Helper()
	s = newScene(t)
	hangs := make(chan struct{})
	s.telemetry.Log().AddHook(&sink{does: func() { <-hangs }})
	c = s.opened()
	synctest.Wait()
	return s, c, func() { close(hangs) }
}

// flushing calls Flush and returns how long it took.
func (s *scene) flushing(ctx context.Context) time.Duration {
	began := time.Now()
	s.telemetry.Flush(ctx)
	return time.Since(began)
}

// dropped collects the metric of dropped reports, which works while the
// log hangs.
func (s *scene) dropped() int64 {
	return sums(s.t, s.collect()["dkgsync.reports.dropped"])[""]
}

func TestAFullQueueDropsTheLeastImportant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer c.Closed()
		require.Zero(t, s.dropped())

		const more = 100
		for i := range telemetry.QueueLimit + more {
			c.Rejected(1, after(time.Duration(i)*time.Second), strconv.Itoa(i))
		}
		require.EqualValues(t, more, s.dropped(), "visible while the log hangs")
		c.Member(report.Member{Peer: 1, What: report.MemberConnected, At: noon})
		c.Barrier(report.Barrier{Kind: report.BarrierStep, Step: 1, Started: noon, Ended: noon})
		c.End(report.End{Outcome: report.OutcomeComplete, Started: noon, Ended: noon})
		require.EqualValues(t, more+3, s.dropped())
		release()

		text := s.text()
		require.Equal(t, telemetry.QueueLimit-3, countLines(text, "request refused"))
		require.NotContains(t, text, "reason="+strconv.Itoa(more+2)+" ")
		require.Contains(t, text, "reason="+strconv.Itoa(more+3)+" ")
		require.Equal(t, 1, countLines(text, "operator 1 (bob) connected"))
		require.Equal(t, 1, countLines(text, "everyone is ready to begin step 1"))
		require.Equal(t, 1, countLines(text, "ceremony complete"))
		messages := s.messages()
		require.Equal(t, "103 reports were dropped: a log output, a log hook or a span processor was too slow",
			messages[len(messages)-1])
		require.Equal(t, 1, countLines(text, "reports were dropped"))
		require.EqualValues(t, more+3, s.dropped())
	})
}

func TestTheLeastImportantIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer c.Closed()

		for range telemetry.QueueLimit {
			c.Step(report.Step{Started: noon, Ended: noon})
		}
		c.Rejected(1, noon, report.TypeOther)
		release()

		require.Equal(t, telemetry.QueueLimit, countLines(s.text(), "step done"))
		require.Zero(t, countLines(s.text(), "request refused"))
	})
}

func TestADroppedStartStillHasASpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer c.Closed()
		stream := c.Stream(report.StreamStart{Peer: 1, Inbound: true, At: noon})
		stream.Link("00-" + telemetry.TraceID(hash).String() + "-00f067aa0ba902b7-01")
		for range telemetry.QueueLimit {
			c.Step(report.Step{Started: noon, Ended: noon})
		}

		stream.End(report.StreamEnd{At: after(time.Second), Reason: report.EndLost})
		release()

		span := s.span("dkgsync.stream")
		require.Equal(t, noon, span.StartTime())
		require.Equal(t, after(time.Second), span.EndTime())
		require.Len(t, span.Links(), 1)
	})
}

func TestTheTraceparentNeedsASpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer c.Closed()

		stream := c.Stream(report.StreamStart{Peer: 1, At: noon})
		stream.Message()
		stream.RTT(time.Second)
		require.Empty(t, stream.Traceparent())
		require.False(t, stream.SpanContext().IsValid())

		release()
		s.flush()
		require.NotEmpty(t, stream.Traceparent())
		require.True(t, stream.SpanContext().IsValid())
		stream.End(report.StreamEnd{At: noon})
		require.Equal(t, s.span("dkgsync.stream").SpanContext(), stream.SpanContext())
		require.Equal(t, map[string]int64{"client": 1}, sums(t, s.metrics()["dkgsync.messages"]))
	})
}

func TestDroppedReportsStillCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer c.Closed()
		c.Member(report.Member{Peer: 1, What: report.MemberConnected, At: after(time.Second)})
		for range telemetry.QueueLimit {
			c.Step(report.Step{Started: noon, Ended: noon})
		}

		c.Barrier(report.Barrier{Kind: report.BarrierConnected, Started: noon, Ended: after(time.Minute), Last: 2})
		release()

		require.Len(t, s.span("dkgsync.barrier").Events(), 2)
	})
}

func TestTheQueueHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)

		for range telemetry.QueueLimit {
			other := s.opened()
			other.End(report.End{Outcome: report.OutcomeComplete, Started: noon, Ended: noon})
			other.Closed()
		}
		c.Closed()
		require.Positive(t, s.dropped())
		release()

		require.Empty(t, s.metrics()["dkgsync.step.current"].Data, "no ceremony is open")
	})
}

func TestFlushWaitsForReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer c.Closed()
		time.AfterFunc(time.Millisecond, release)

		took := s.flushing(t.Context())

		require.Equal(t, time.Millisecond, took)
		require.Contains(t, s.lines.String(), "ceremony opened")
		require.Zero(t, s.flushing(t.Context()))
	})
}

func TestFlushGivesUp(t *testing.T) {
	for _, wait := range []time.Duration{0, 100 * time.Millisecond, telemetry.FlushLimit, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s, c, release := hanging(t)
			defer release()
			defer c.Closed()
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()

			require.Equal(t, min(wait, telemetry.FlushLimit), s.flushing(ctx))
		})
	}
}

func TestFlushSkipsAHangingReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, release := hanging(t)
		defer release()
		defer c.Closed()
		<-time.After(telemetry.FlushLimit)

		require.Zero(t, s.flushing(t.Context()))
	})
}

func TestOnlyTheFirstFlushWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.telemetry.Log().AddHook(&sink{does: func() { <-time.After(telemetry.FlushLimit / 3) }})
		c := s.opened()
		defer c.Closed()
		for range 5 {
			c.Step(report.Step{Started: noon, Ended: noon})
		}

		require.Equal(t, telemetry.FlushLimit, s.flushing(t.Context()))
		c.Step(report.Step{Started: noon, Ended: noon})
		require.Zero(t, s.flushing(t.Context()), "the new report is behind those that the first call waits for")

		s.flush()
		c.Step(report.Step{Started: noon, Ended: noon})
		require.Equal(t, telemetry.FlushLimit/3, s.flushing(t.Context()))
	})
}

func TestEverythingReportedAtOnce(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	var callers sync.WaitGroup
	const times = 50
	for range 4 {
		callers.Go(func() {
			for range times {
				stream := c.Stream(report.StreamStart{Peer: 1, At: noon})
				stream.Message()
				stream.RTT(time.Millisecond)
				stream.Link(stream.Traceparent())
				c.Member(report.Member{Peer: 2, What: report.MemberConnected, At: noon})
				c.Barrier(report.Barrier{Kind: report.BarrierConnected, Started: noon, Ended: noon})
				c.Connect(report.Connect{Peer: 1, Started: noon, Ended: noon, Reason: report.EndLost, Lost: stream})
				stream.End(report.StreamEnd{At: noon, Reason: report.EndLost})
				other := s.ceremony()
				other.Opened(trace.SpanContext{}, noon)
				other.Closed()
				s.telemetry.Flush(t.Context())
			}
		})
	}
	callers.Wait()
	c.Closed()

	require.Empty(t, s.metrics()["dkgsync.streams"].Data)
	require.Equal(t, 4*times, countLines(s.text(), "this node is connected to everyone"))
	require.ElementsMatch(t, spanIDs(s.started()), spanIDs(s.ended()))
}
