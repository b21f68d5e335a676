package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// scene is the telemetry of one node with a real SDK behind it.
type scene struct {
	t         testing.TB
	spans     *tracetest.SpanRecorder
	reader    *sdkmetric.ManualReader
	lines     *bytes.Buffer
	telemetry *telemetry.Telemetry
	state     report.Snapshot
}

var (
	hash  = bytes.Repeat([]byte{0xab}, 32)
	noon  = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	names = []string{"alice", "bob", "carol"}
)

func newScene(t testing.TB, opts ...sdktrace.TracerProviderOption) *scene {
	t.Helper()
	s := &scene{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader(), lines: new(bytes.Buffer)}
	tracers := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(s.spans))...)
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	t.Cleanup(func() {
		s.flush()
		require.NoError(t, errors.Join(tracers.Shutdown(context.Background()), meters.Shutdown(context.Background())))
	})
	log := logrus.New()
	log.SetOutput(s.lines)
	log.SetLevel(logrus.DebugLevel)
	s.telemetry = telemetry.New(log, tracers, meters)
	s.telemetry.Start()
	return s
}

// ceremony returns alice's ceremony in its first attempt. She is operator 0 of 3.
func (s *scene) ceremony() *telemetry.Ceremony { return s.attempt(1, nil) }

// attempt returns another attempt of the ceremony.
func (s *scene) attempt(number int, before error) *telemetry.Ceremony {
	info := report.Info{Hash: hash, Index: 0, Attempt: number, Before: before}
	for i, name := range names {
		info.Peers = append(info.Peers, report.Peer{
			Index: i, ID: "id-of-" + name, Name: name, Service: telemetry.ServiceName(name, i),
		})
	}
	return s.telemetry.Ceremony(info, func() report.Snapshot { return s.state })
}

func (s *scene) opened() *telemetry.Ceremony {
	c := s.ceremony()
	c.Opened(trace.SpanContext{}, noon)
	return c
}

// span returns the only ended span whose attribute dkgsync.span is the given name.
func (s *scene) span(name string) sdktrace.ReadOnlySpan {
	s.t.Helper()
	var found []sdktrace.ReadOnlySpan
	for _, span := range s.ended() {
		if attrs(span)["dkgsync.span"] == name {
			found = append(found, span)
		}
	}
	require.Len(s.t, found, 1, name)
	return found[0]
}

// flush waits until everything has been reported.
func (s *scene) flush() { <-s.telemetry.Flushed() }

// text returns the log.
func (s *scene) text() string {
	s.flush()
	return s.lines.String()
}

func (s *scene) started() []sdktrace.ReadWriteSpan {
	s.flush()
	return s.spans.Started()
}

func (s *scene) ended() []sdktrace.ReadOnlySpan {
	s.flush()
	return s.spans.Ended()
}

// metrics collects what a reader sees when everything has been reported.
func (s *scene) metrics() map[string]metricdata.Metrics {
	s.t.Helper()
	s.flush()
	return s.collect()
}

// collect collects what a reader sees now.
func (s *scene) collect() map[string]metricdata.Metrics {
	s.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(s.t, s.reader.Collect(context.Background(), &all))
	byName := make(map[string]metricdata.Metrics)
	for _, scope := range all.ScopeMetrics {
		require.Equal(s.t, telemetry.ScopeName, scope.Scope.Name)
		require.Equal(s.t, telemetry.Version, scope.Scope.Version)
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

func attrs(span sdktrace.ReadOnlySpan) map[string]any { return values(span.Attributes()) }

func values(list []attribute.KeyValue) map[string]any {
	m := make(map[string]any, len(list))
	for _, kv := range list {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// after returns the time d after noon.
func after(d time.Duration) time.Time { return noon.Add(d) }

// everything reports whatever can be reported, at least once.
func (s *scene) everything() {
	s.state = report.Snapshot{
		Step: 2,
		Peers: []report.PeerSnapshot{
			{},
			{Inbound: true, Outbound: true, Step: 2, LastSeen: after(time.Second)},
			{Inbound: true, Step: 1, LastSeen: noon},
		},
		Broken:  1,
		Waiting: &report.WaitingSnapshot{Kind: report.BarrierStep, Since: time.Now().Add(-time.Minute), Missing: 1},
	}
	c := s.opened()
	s.telemetry.Stranger(noon, "mallory")
	first := c.Stream(report.StreamStart{Peer: 1, At: noon})
	c.Connect(report.Connect{Peer: 1, Started: noon, Ended: after(time.Second), Attempts: 1})
	first.Message()
	first.RTT(3 * time.Millisecond)
	c.Member(report.Member{Peer: 1, What: report.MemberConnected, At: after(time.Second), Connected: 2})
	c.Barrier(report.Barrier{Kind: report.BarrierConnected, Started: noon, Ended: after(time.Second), Last: 1})
	c.Barrier(report.Barrier{
		Kind: report.BarrierStep, Step: 1, Name: "deal", Started: after(time.Second), Ended: after(2 * time.Second),
		Last:     2,
		Arrivals: []time.Time{after(time.Second), noon, after(2 * time.Second)},
	})
	c.Barrier(report.Barrier{
		Kind: report.BarrierStep, Step: 2, Started: after(time.Second), Ended: after(2 * time.Second),
		Result: "3fa1…", Attested: "all 3 members attest 3fa1…",
	})
	c.Step(report.Step{Step: 1, Name: "deal", Started: after(2 * time.Second), Ended: after(3 * time.Second)})
	c.WaitReport(report.WaitReport{
		Kind: report.BarrierStep, Step: 2, Name: "verify",
		Started: noon, Ended: after(10 * time.Second), Elapsed: 10 * time.Second,
		Missing: []int{2}, Broken: []string{"1-2"},
	})
	c.Barrier(report.Barrier{
		Kind: report.BarrierStep, Step: 2, Started: noon, Ended: after(time.Minute), Err: context.DeadlineExceeded,
		Type: report.TypeDeadlineExceeded,
	})
	first.End(report.StreamEnd{At: after(time.Minute), Messages: 7, Reason: report.EndLost})
	c.Connect(report.Connect{
		Peer: 1, Started: noon, Ended: after(time.Second), Attempts: 1, Reason: report.EndLost, Lost: first,
		Err: errors.New("no route"), Type: report.TypeDialFailed,
	})
	c.Connect(report.Connect{
		Peer: 1, Started: noon, Ended: after(time.Second), Attempts: 2, Reason: report.EndLost, Lost: first,
	})
	in := c.Stream(report.StreamStart{Peer: 2, Inbound: true, At: noon})
	in.Message()
	c.Connect(report.Connect{
		Peer: 2, Started: noon, Ended: after(30 * time.Second), Attempts: 30, Err: errors.New("no route"),
		Type: report.TypeDialFailed,
	})
	c.Rejected(2, noon, report.TypeStepSkipped)
	in.End(report.StreamEnd{
		At: after(time.Second), Messages: 1, Reason: report.EndRefused, Err: errors.New("skipped"),
		Type: report.TypeStepSkipped,
	})
	c.End(report.End{
		Outcome: report.OutcomeFailed, Step: 2, Started: noon, Ended: after(time.Minute), Err: errors.New("skipped"),
		Type: report.TypeStepSkipped,
	})
	s.t.Cleanup(c.Closed)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
