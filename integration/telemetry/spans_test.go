package telemetry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

var errSkipped = errors.New("operator 1 (bob) skipped a step")

// look is what a backend shows of a span.
type look struct {
	Name   string
	Kind   trace.SpanKind
	From   time.Duration // since noon
	To     time.Duration
	Attrs  map[string]any
	Status sdktrace.Status
}

func lookAt(span sdktrace.ReadOnlySpan) look {
	return look{
		Name: span.Name(), Kind: span.SpanKind(), From: span.StartTime().Sub(noon), To: span.EndTime().Sub(noon),
		Attrs: attrs(span), Status: span.Status(),
	}
}

func TestEachOutcomeIsASpan(t *testing.T) {
	const after10s, after30s = 10 * time.Second, 30 * time.Second
	unset := sdktrace.Status{}
	for name, tc := range map[string]struct {
		report func(c *telemetry.Ceremony)
		want   look
	}{
		"a connect": {
			func(c *telemetry.Ceremony) {
				c.Connect(report.Connect{Peer: 1, Started: noon, Ended: after(time.Second), Attempts: 3, Relayed: true})
			},
			look{"dkgsync.connect", trace.SpanKindClient, 0, time.Second, map[string]any{
				"dkgsync.peer.index": int64(1), "dkgsync.peer.id": "id-of-bob", "peer.service": "dkg-bob",
				"dkgsync.connect.attempts": int64(3),
				"dkgsync.connect.relayed":  true,
			}, unset},
		},
		"a slice of a connect that keeps failing": {
			func(c *telemetry.Ceremony) {
				c.Connect(report.Connect{
					Peer: 1, Started: after(30 * time.Second), Ended: after(time.Minute), Since: noon, Attempts: 9,
					Err: errors.New("no route"), Type: report.TypeDialFailed,
				})
			},
			look{"dkgsync.connect", trace.SpanKindClient, 30 * time.Second, time.Minute, map[string]any{
				"dkgsync.peer.index": int64(1), "dkgsync.peer.id": "id-of-bob", "peer.service": "dkg-bob",
				"dkgsync.connect.attempts": int64(9),
				"dkgsync.connect.relayed":  false,
				"error.type":               "dial_failed",
			}, sdktrace.Status{Code: codes.Error, Description: "no route"}},
		},
		"a step": {
			func(c *telemetry.Ceremony) {
				c.Step(report.Step{Step: 1, Name: "deal", Started: noon, Ended: after(time.Second)})
			},
			look{
				"dkgsync.step deal", trace.SpanKindInternal, 0, time.Second,
				map[string]any{"dkgsync.step": int64(1), "dkgsync.step.name": "deal"},
				unset,
			},
		},
		"a step that takes no time": {
			func(c *telemetry.Ceremony) { c.Step(report.Step{Step: 1, Started: noon, Ended: noon}) },
			look{
				"dkgsync.step 1", trace.SpanKindInternal, 0, time.Microsecond,
				map[string]any{"dkgsync.step": int64(1)},
				unset,
			},
		},
		"a barrier": {
			func(c *telemetry.Ceremony) {
				c.Barrier(report.Barrier{
					Kind: report.BarrierStep, Step: 2, Name: "deal", Started: noon, Ended: after(time.Hour), Last: 2,
				})
			},
			look{"dkgsync.barrier deal", trace.SpanKindInternal, 0, time.Hour, map[string]any{
				"dkgsync.barrier.kind": "step", "dkgsync.step": int64(2), "dkgsync.step.name": "deal",
				"dkgsync.barrier.last_peer": int64(2),
			}, unset},
		},
		"a barrier that fails": {
			func(c *telemetry.Ceremony) {
				c.Barrier(report.Barrier{
					Kind: report.BarrierStep, Step: 2, Started: noon, Ended: after(time.Hour), Last: 1, Err: errSkipped,
					Type: report.TypeStepSkipped,
				})
			},
			look{"dkgsync.barrier 2", trace.SpanKindInternal, 0, time.Hour, map[string]any{
				"dkgsync.barrier.kind": "step", "dkgsync.step": int64(2), "error.type": "step_skipped",
			}, sdktrace.Status{Code: codes.Error, Description: errSkipped.Error()}},
		},
		"a barrier that this node leaves": {
			func(c *telemetry.Ceremony) {
				c.Barrier(report.Barrier{
					Kind: report.BarrierConnected, Started: noon, Ended: after(time.Hour), Err: errors.New("stopped"),
					Type: report.TypeStopped,
				})
			},
			look{"dkgsync.barrier connected", trace.SpanKindInternal, 0, time.Hour, map[string]any{
				"dkgsync.barrier.kind": "connected", "dkgsync.step": int64(0), "error.type": "stopped",
			}, unset},
		},
		"a slice of a wait at a barrier": {
			func(c *telemetry.Ceremony) {
				c.WaitReport(report.WaitReport{
					Kind: report.BarrierStep, Step: 2, Started: after(10 * time.Second), Ended: after(30 * time.Second),
					Elapsed: 30 * time.Second, Missing: []int{1, 2},
				})
			},
			look{"dkgsync.barrier.waiting 2", trace.SpanKindInternal, after10s, after30s, map[string]any{
				"dkgsync.barrier.kind": "step", "dkgsync.step": int64(2),
				"dkgsync.barrier.missing_peers": []int64{1, 2}, "dkgsync.barrier.elapsed": 30.0,
			}, unset},
		},
		"a ceremony that completes": {
			func(c *telemetry.Ceremony) {
				c.End(report.End{
					Outcome: report.OutcomeComplete, Step: 3, Reconnects: 4, Started: noon, Ended: after(time.Hour),
					GoodbyeErr: errors.New("bob"),
				})
			},
			look{"dkgsync.ceremony", trace.SpanKindInternal, 0, time.Hour, map[string]any{
				"dkgsync.outcome": "complete", "dkgsync.attempt": int64(1),
				"dkgsync.step": int64(3), "dkgsync.reconnects": int64(4),
			}, unset},
		},
		"a ceremony that fails": {
			func(c *telemetry.Ceremony) {
				c.End(report.End{
					Outcome: report.OutcomeFailed, Step: 3, Started: noon, Ended: after(time.Hour), Err: errSkipped,
					Type: report.TypeStepSkipped,
				})
			},
			look{"dkgsync.ceremony", trace.SpanKindInternal, 0, time.Hour, map[string]any{
				"dkgsync.outcome": "failed", "dkgsync.attempt": int64(1),
				"dkgsync.step": int64(3), "dkgsync.reconnects": int64(0),
				"error.type": "step_skipped",
			}, sdktrace.Status{Code: codes.Error, Description: errSkipped.Error()}},
		},
		"a ceremony that this node stops": {
			func(c *telemetry.Ceremony) {
				c.End(report.End{
					Outcome: report.OutcomeStopped, Started: noon, Ended: after(time.Hour), Err: errors.New("stopped"),
					Type: report.TypeStopped,
				})
			},
			look{"dkgsync.ceremony", trace.SpanKindInternal, 0, time.Hour, map[string]any{
				"dkgsync.outcome": "stopped", "dkgsync.attempt": int64(1),
				"dkgsync.step": int64(0), "dkgsync.reconnects": int64(0),
				"error.type": "stopped",
			}, unset},
		},
		"a stream that is lost": {
			func(c *telemetry.Ceremony) {
				c.Stream(report.StreamStart{Peer: 1, At: noon, Relayed: true}).End(report.StreamEnd{
					At: after(time.Second), Messages: 7, Reason: report.EndLost,
				})
			},
			look{"dkgsync.stream", trace.SpanKindClient, 0, time.Second, map[string]any{
				"dkgsync.peer.index": int64(1), "dkgsync.peer.id": "id-of-bob", "peer.service": "dkg-bob",
				"dkgsync.stream.relayed":  true,
				"dkgsync.stream.messages": int64(7), "dkgsync.stream.end_reason": "lost",
			}, unset},
		},
		"a stream that is refused": {
			func(c *telemetry.Ceremony) {
				c.Stream(report.StreamStart{Peer: 2, At: noon, Inbound: true}).End(report.StreamEnd{
					At: after(time.Second), Messages: 1, Reason: report.EndRefused, Err: errSkipped,
					Type: report.TypeStepSkipped,
				})
			},
			look{"dkgsync.stream from carol", trace.SpanKindServer, 0, time.Second, map[string]any{
				"dkgsync.peer.index": int64(2), "dkgsync.peer.id": "id-of-carol", "peer.service": "dkg-carol",
				"dkgsync.stream.relayed":  false,
				"dkgsync.stream.messages": int64(1), "dkgsync.stream.end_reason": "refused",
				"error.type": "step_skipped",
			}, sdktrace.Status{Code: codes.Error, Description: errSkipped.Error()}},
		},
		"a stream that is dropped": {
			func(c *telemetry.Ceremony) {
				c.Stream(report.StreamStart{Peer: 2, At: noon, Inbound: true}).End(report.StreamEnd{
					At: after(time.Second), Reason: report.EndProtocol,
				})
			},
			look{"dkgsync.stream from carol", trace.SpanKindServer, 0, time.Second, map[string]any{
				"dkgsync.peer.index": int64(2), "dkgsync.peer.id": "id-of-carol", "peer.service": "dkg-carol",
				"dkgsync.stream.relayed":  false,
				"dkgsync.stream.messages": int64(0), "dkgsync.stream.end_reason": "protocol", "error.type": "_OTHER",
			}, sdktrace.Status{Code: codes.Error, Description: "_OTHER"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			c := s.opened()
			defer c.Closed()

			tc.report(c)

			tc.want.Attrs["dkgsync.node.index"] = int64(0) // as on every span
			name, _, _ := strings.Cut(tc.want.Name, " ")
			tc.want.Attrs["dkgsync.span"] = name
			if diff := cmp.Diff(tc.want, lookAt(s.span(name))); diff != "" {
				t.Error(diff)
			}
			require.ElementsMatch(t, spanIDs(s.started()), spanIDs(s.ended()))
		})
	}
}

func TestEverySpanNamesItsNode(t *testing.T) {
	s := newScene(t)

	s.everything()

	require.NotEmpty(t, s.ended())
	for _, span := range s.ended() {
		require.Equal(t, int64(0), attrs(span)["dkgsync.node.index"], span.Name())
	}
}

func TestTheStartNamesTheCeremony(t *testing.T) {
	s := newScene(t)
	defer s.opened().Closed()

	require.Equal(t, map[string]any{
		"dkgsync.definition.hash": "abababababababababababababababababababababababababababababababab",
		"dkgsync.node.index":      int64(0), "dkgsync.node.count": int64(3), "dkgsync.attempt": int64(1),
		"dkgsync.span": "dkgsync.ceremony.start",
	}, attrs(s.span("dkgsync.ceremony.start")))
}

func TestAReconnectLinksTheLostStream(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	defer c.Closed()
	lost := c.Stream(report.StreamStart{Peer: 1, At: noon})
	lost.End(report.StreamEnd{At: after(time.Second), Reason: report.EndTimeout})

	c.Connect(report.Connect{
		Peer: 1, Started: after(time.Second), Ended: after(2 * time.Second), Attempts: 1, Reason: report.EndTimeout,
		Lost: lost,
	})

	span := s.span("dkgsync.reconnect")
	require.Equal(t, "timeout", attrs(span)["dkgsync.connect.reason"])
	require.Len(t, span.Links(), 1)
	require.Equal(t, s.span("dkgsync.stream").SpanContext().SpanID(), span.Links()[0].SpanContext.SpanID())
}

func TestABarrierSpanSaysWhoArrived(t *testing.T) {
	arrived := func(t *testing.T, s *scene) map[int64]time.Duration {
		t.Helper()
		at := make(map[int64]time.Duration)
		for _, e := range s.span("dkgsync.barrier").Events() {
			require.Equal(t, "peer_arrived", e.Name)
			at[values(e.Attributes)["dkgsync.peer.index"].(int64)] = e.Time.Sub(noon)
		}
		return at
	}
	t.Run("at a step, early members count from when this node arrived", func(t *testing.T) {
		s := newScene(t)
		c := s.opened()
		defer c.Closed()

		c.Barrier(report.Barrier{
			Kind: report.BarrierStep, Step: 1, Started: after(time.Second), Ended: after(3 * time.Second), Last: 2,
			Arrivals: []time.Time{after(time.Second), noon, after(3 * time.Second)},
		})

		require.Equal(t, map[int64]time.Duration{1: time.Second, 2: 3 * time.Second}, arrived(t, s))
	})
	t.Run("when connecting, only members that stayed connected", func(t *testing.T) {
		s := newScene(t)
		c := s.opened()
		defer c.Closed()
		c.Member(report.Member{Peer: 1, What: report.MemberConnected, At: after(time.Second)})
		c.Member(report.Member{Peer: 2, What: report.MemberConnected, At: after(2 * time.Second)})
		c.Member(report.Member{Peer: 1, What: report.MemberLost, At: after(3 * time.Second)})

		c.Barrier(report.Barrier{
			Kind: report.BarrierConnected, Started: noon, Ended: after(time.Minute), Err: context.DeadlineExceeded,
			Type: report.TypeDeadlineExceeded,
		})

		require.Equal(t, map[int64]time.Duration{2: 2 * time.Second}, arrived(t, s))
	})
	t.Run("when leaving", func(t *testing.T) {
		s := newScene(t)
		c := s.opened()
		defer c.Closed()
		c.Member(report.Member{Peer: 2, What: report.MemberGoodbye, At: after(2 * time.Second)})

		c.Barrier(report.Barrier{
			Kind: report.BarrierShutdown, Step: 4, Started: noon, Ended: after(2 * time.Second), Last: 2,
		})

		require.Equal(t, map[int64]time.Duration{2: 2 * time.Second}, arrived(t, s))
	})
}

// Jaeger assumes that a span that begins before its parent comes from another clock.
func TestAnEarlyStreamIsClamped(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	defer c.Closed()

	stream := c.Stream(report.StreamStart{Peer: 1, Inbound: true, At: noon.Add(-time.Hour)})
	stream.End(report.StreamEnd{At: after(time.Second)})

	require.Equal(t, noon, s.span("dkgsync.stream").StartTime())
	require.Equal(t, map[string]float64{"server,": 3601}, took(t, s.metrics()["dkgsync.stream.duration"]))
}

func TestAStreamEndsOnce(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	defer c.Closed()
	stream := c.Stream(report.StreamStart{Peer: 1, At: noon})

	stream.End(report.StreamEnd{At: after(time.Second), Reason: report.EndLost})
	stream.End(report.StreamEnd{At: after(time.Minute), Reason: report.EndStopped})

	require.Equal(t, "lost", attrs(s.span("dkgsync.stream"))["dkgsync.stream.end_reason"])
	require.Equal(t, int64(0), sums(t, s.metrics()["dkgsync.streams"])["client"])
}
