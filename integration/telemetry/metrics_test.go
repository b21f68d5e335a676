package telemetry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
)

// labels returns the values of attributes, in the order of the attributes' names.
func labels(list []attribute.KeyValue) string {
	texts := make([]string, len(list))
	for i, kv := range list {
		texts[i] = kv.Value.String()
	}
	return strings.Join(texts, ",")
}

// sums returns the values of a sum or gauge. Its keys are the values of the attributes,
// in the order of the attributes' names.
func sums(t testing.TB, m metricdata.Metrics) map[string]int64 {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	default:
		t.Fatalf("%s is a %T", m.Name, data)
	}
	values := make(map[string]int64)
	for _, p := range points {
		values[labels(p.Attributes.ToSlice())] = p.Value
	}
	return values
}

func levels(t testing.TB, m metricdata.Metrics) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for _, p := range m.Data.(metricdata.Gauge[float64]).DataPoints {
		values[labels(p.Attributes.ToSlice())] = p.Value
	}
	return values
}

// took returns the sums of a histogram's durations.
func took(t testing.TB, m metricdata.Metrics) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
		values[labels(p.Attributes.ToSlice())] = p.Sum
	}
	return values
}

func TestDurationsAreRecorded(t *testing.T) {
	s := newScene(t)
	s.everything()
	got := s.metrics()

	require.Equal(t, map[string]float64{"step_skipped": 60}, took(t, got["dkgsync.ceremony.duration"]))
	require.Equal(t, map[string]float64{
		"connected": 1, "step": 2, "step,deadline_exceeded": 60,
	}, took(t, got["dkgsync.barrier.duration"]))
	require.Equal(t, map[string]float64{"": 1}, took(t, got["dkgsync.step.duration"]))
	require.Equal(t, map[string]float64{"client,lost": 60, "server,refused": 1},
		took(t, got["dkgsync.stream.duration"]))
	require.Equal(t, map[string]float64{
		"": 1, "dial_failed": 30, "lost": 1, "lost,dial_failed": 1,
	}, took(t, got["dkgsync.connect.duration"]))
	require.Equal(t, map[string]float64{"1": 0.003}, took(t, got["dkgsync.rtt"]))
}

func TestCounters(t *testing.T) {
	s := newScene(t)
	s.everything()
	got := s.metrics()

	require.Equal(t, map[string]int64{"client": 1, "server": 1}, sums(t, got["dkgsync.messages"]))
	require.Equal(t, map[string]int64{"not_a_member": 1, "step_skipped": 1}, sums(t, got["dkgsync.rejections"]))
	require.Equal(t, map[string]int64{"lost,1": 1}, sums(t, got["dkgsync.reconnects"]),
		"a reconnect that keeps failing is not counted yet")
}

func TestALateConnectCountsFromTheFirstSlice(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	defer c.Closed()

	c.Connect(report.Connect{
		Peer: 1, Since: noon, Started: noon, Ended: after(30 * time.Second), Err: errors.New("no"),
		Type: report.TypeDialFailed,
	})
	c.Connect(report.Connect{Peer: 1, Since: noon, Started: after(30 * time.Second), Ended: after(40 * time.Second)})

	require.Equal(t, map[string]float64{"dial_failed": 30, "": 40}, took(t, s.metrics()["dkgsync.connect.duration"]))
}

func TestAStuckCeremonyCanBeSeen(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	defer c.Closed()
	s.state = report.Snapshot{
		Step: 2,
		Peers: []report.PeerSnapshot{
			{}, {Inbound: true, Outbound: true, Step: 2, LastSeen: noon}, {Step: -1},
		},
		Waiting: &report.WaitingSnapshot{Kind: report.BarrierStep, Since: time.Now().Add(-time.Hour), Missing: 1},
	}
	stream := c.Stream(report.StreamStart{Peer: 1, At: noon})
	defer stream.End(report.StreamEnd{At: noon})

	got := s.metrics()

	require.InDelta(t, 3600, levels(t, got["dkgsync.barrier.age"])["step"], 60)
	require.Equal(t, map[string]int64{"step": 1}, sums(t, got["dkgsync.barrier.missing"]))
	require.Equal(t, map[string]int64{
		"1,server": 1, "1,client": 1, "2,server": 0, "2,client": 0,
	}, sums(t, got["dkgsync.peer.connected"]))
	require.Equal(t, map[string]int64{"": 2}, sums(t, got["dkgsync.step.current"]))
	require.Equal(t, map[string]int64{"1": 2}, sums(t, got["dkgsync.peer.step"]), "nothing is known of carol")
	require.Equal(t, map[string]float64{"1": float64(noon.Unix())}, levels(t, got["dkgsync.peer.last_seen"]))
	require.Equal(t, map[string]int64{"client": 1, "server": 0}, sums(t, got["dkgsync.streams"]))
	require.NotContains(t, got, "dkgsync.barrier.duration", "histograms contain only what has ended")
}

func TestOnlyABarrierIsObserved(t *testing.T) {
	s := newScene(t)
	defer s.opened().Closed()

	got := s.metrics()

	require.Contains(t, got, "dkgsync.step.current")
	require.NotContains(t, got, "dkgsync.barrier.age")
	require.NotContains(t, got, "dkgsync.barrier.missing")
}

func TestNothingIsObservedAfterwards(t *testing.T) {
	s := newScene(t)
	first, second := s.opened(), s.opened()
	first.Closed()
	require.Contains(t, s.metrics(), "dkgsync.step.current")

	second.Closed()
	second.Closed()

	require.Empty(t, s.metrics())
	third := s.opened()
	require.Contains(t, s.metrics(), "dkgsync.step.current")
	third.Closed()
}

func TestAClosingCeremonyIsNotObserved(t *testing.T) {
	s := newScene(t)
	c := s.ceremony()

	c.Closed()
	c.Opened(trace.SpanContext{}, noon)

	require.Empty(t, s.metrics())
}

func TestCeremoniesAddUp(t *testing.T) {
	s := newScene(t)
	s.state = report.Snapshot{
		Step: 1, Peers: []report.PeerSnapshot{{}, {Inbound: true, Step: 1}, {Step: -1}},
		Waiting: &report.WaitingSnapshot{Kind: report.BarrierStep, Since: time.Now().Add(-time.Hour), Missing: 2},
	}
	defer s.opened().Closed()
	defer s.opened().Closed()

	got := s.metrics()

	require.Equal(t, map[string]int64{"step": 4}, sums(t, got["dkgsync.barrier.missing"]))
	require.Equal(t, map[string]int64{
		"1,server": 2, "1,client": 0, "2,server": 0, "2,client": 0,
	}, sums(t, got["dkgsync.peer.connected"]))
	require.Equal(t, map[string]int64{"": 1}, sums(t, got["dkgsync.step.current"]))
	require.InDelta(t, 3600, levels(t, got["dkgsync.barrier.age"])["step"], 60)
}

func TestStrangersAreCounted(t *testing.T) {
	s := newScene(t)
	for range 5 {
		s.telemetry.Stranger(noon, "mallory")
	}
	s.telemetry.Stranger(after(time.Minute), "mallory")

	require.Equal(t, map[string]int64{"not_a_member": 6}, sums(t, s.metrics()["dkgsync.rejections"]))
	require.Equal(t, 2, countLines(s.text(), "refused a stranger"))
	require.Contains(t, s.text(), "streams=5")
}

func TestBucketsFitWhatIsMeasured(t *testing.T) {
	s := newScene(t)
	s.everything()
	for name, m := range s.metrics() {
		data, ok := m.Data.(metricdata.Histogram[float64])
		if !ok {
			continue
		}
		bounds := data.DataPoints[0].Bounds
		if name == "dkgsync.rtt" {
			require.Equal(t, []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, bounds,
				name)
			continue
		}
		require.Equal(t, []float64{
			.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
			1800, 3600, 7200, 14400,
		}, bounds, name)
	}
}
