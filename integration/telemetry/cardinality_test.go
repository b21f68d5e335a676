package telemetry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
)

// When an instrument has more than 2,000 series, the SDK silently folds the rest into one.
func TestNoSeriesIsLost(t *testing.T) {
	s := newScene(t)
	const members, fewMembers = 1024, 64
	for _, self := range []int{0, members - 1} { // two ceremonies in which this node has different indexes
		s.large(members, self)
	}
	s.large(fewMembers, 0) // and one more, whose members have more series each

	got := s.metrics()

	for name, m := range got {
		for _, set := range series(m) {
			require.False(t, set.HasValue("otel.metric.overflow"), "%s has lost series", name)
		}
	}
	for name, more := range map[string]int{
		"dkgsync.rtt": 0, "dkgsync.peer.step": 0, "dkgsync.peer.last_seen": 0,
		"dkgsync.peer.connected": 2 * (fewMembers - 1), "dkgsync.reconnects": len(reasons) * (fewMembers - 1),
	} {
		require.Len(t, series(got[name]), members+more, name)
	}
}

// large opens a ceremony with that many members. Everything that can happen to a member
// happens to each of them.
func (s *scene) large(members, self int) {
	s.t.Helper()
	info := report.Info{Hash: fmt.Append(nil, members, " members ", self), Index: self}
	state := report.Snapshot{Step: 1, Peers: make([]report.PeerSnapshot, members)}
	for i := range members {
		info.Peers = append(info.Peers, report.Peer{Index: i, ID: fmt.Sprint("id", i)})
		state.Peers[i] = report.PeerSnapshot{Inbound: true, Outbound: true, Step: 1, LastSeen: noon}
	}
	c := s.telemetry.Ceremony(info, func() report.Snapshot { return state })
	c.Opened(trace.SpanContext{}, noon)
	s.t.Cleanup(c.Closed)
	for i := range members {
		if i == self {
			continue
		}
		stream := c.Stream(report.StreamStart{Peer: i, At: noon})
		stream.Message()
		stream.RTT(time.Millisecond)
		for _, reason := range reasons {
			c.Connect(report.Connect{Peer: i, Started: noon, Ended: after(time.Second), Reason: reason})
		}
		stream.End(report.StreamEnd{At: after(time.Second), Reason: reasons[i%len(reasons)]})
		s.flush() // the queue holds a few thousand reports
	}
}

// reasons are the reasons why a stream may end.
var reasons = []string{
	report.EndGoodbye, report.EndAbort, report.EndRefused, report.EndClosed, report.EndLost, report.EndTimeout,
	report.EndProtocol, report.EndSuperseded, report.EndMoved, report.EndStopped,
}

type histogramPoint = metricdata.HistogramDataPoint[float64]

// series returns the attributes of each series of a metric.
func series(m metricdata.Metrics) []attribute.Set {
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		return sets(data.DataPoints, func(p histogramPoint) attribute.Set { return p.Attributes })
	case metricdata.Sum[int64]:
		return sets(data.DataPoints, func(p metricdata.DataPoint[int64]) attribute.Set { return p.Attributes })
	case metricdata.Gauge[int64]:
		return sets(data.DataPoints, func(p metricdata.DataPoint[int64]) attribute.Set { return p.Attributes })
	case metricdata.Gauge[float64]:
		return sets(data.DataPoints, func(p metricdata.DataPoint[float64]) attribute.Set { return p.Attributes })
	}
	return nil
}

func sets[P any](points []P, of func(P) attribute.Set) []attribute.Set {
	all := make([]attribute.Set, 0, len(points))
	for _, p := range points {
		all = append(all, of(p))
	}
	return all
}
