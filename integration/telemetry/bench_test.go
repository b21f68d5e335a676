package telemetry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// streams returns streams of a node with the SDK, and of nodes without it.
func streams(b testing.TB) map[string]*telemetry.Stream {
	info := report.Info{Hash: hash, Peers: make([]report.Peer, 2)}
	start := report.StreamStart{Peer: 1, At: noon}
	of := func(t *telemetry.Telemetry) *telemetry.Stream {
		t.Start()
		stream := t.Ceremony(info, nil).Stream(start)
		<-t.Flushed()
		return stream
	}
	return map[string]*telemetry.Stream{
		"sdk":     of(newScene(b).telemetry),
		"globals": of(telemetry.New(logrus.New(), nil, nil)),
		"noop":    of(telemetry.New(logrus.New(), nooptrace.NewTracerProvider(), noop.NewMeterProvider())),
	}
}

func BenchmarkMessage(b *testing.B) {
	for name, stream := range streams(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stream.Message()
			}
		})
	}
}

func BenchmarkRTT(b *testing.B) {
	for name, stream := range streams(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stream.RTT(time.Millisecond)
			}
		})
	}
}

func TestTheHotPathHardlyAllocates(t *testing.T) {
	for name, stream := range streams(t) {
		want := 0.0
		if name == "sdk" {
			want = 1
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, stream.Message), want, name)
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { stream.RTT(time.Millisecond) }), want, name)
	}
}

// BenchmarkBarrier measures what a barrier costs, including events and the log line, with
// the SDK, and with nothing that uses the data.
func BenchmarkBarrier(b *testing.B) {
	warnings := logrus.New()
	warnings.SetLevel(logrus.WarnLevel)
	for name, t := range map[string]*telemetry.Telemetry{
		"sdk":  newScene(b).telemetry,
		"noop": telemetry.New(warnings, nooptrace.NewTracerProvider(), noop.NewMeterProvider()),
	} {
		t.Start()
		for _, members := range []int{10, 100} {
			b.Run(fmt.Sprintf("%s/%d members", name, members), func(b *testing.B) {
				arrivals := make([]time.Time, members)
				for i := range arrivals {
					arrivals[i] = after(time.Duration(i) * time.Millisecond)
				}
				c := t.Ceremony(report.Info{Hash: hash, Peers: make([]report.Peer, members)}, nil)
				b.ReportAllocs()
				for b.Loop() {
					c.Barrier(report.Barrier{
						Kind: report.BarrierStep, Step: 1, Started: noon, Ended: after(time.Second), Arrivals: arrivals,
						Last: members - 1,
					})
					<-t.Flushed()
				}
			})
		}
	}
}
