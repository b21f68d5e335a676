package telemetry_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

var (
	hash = bytes.Repeat([]byte{0xab}, 32)
	noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
)

func hooked() (*logrus.Logger, *bytes.Buffer) {
	var lines bytes.Buffer
	log := logrus.New()
	log.SetOutput(&lines)
	log.AddHook(telemetry.NewLogHook())
	return log, &lines
}

func TestTheHookAddsTheTraceIDs(t *testing.T) {
	id := trace.TraceID{1, 2, 3}
	for name, tc := range map[string]struct {
		sc            trace.SpanContext
		with, without []string
	}{
		"a span": {
			trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{4}}),
			[]string{"trace_id=010203", "span_id=04"},
			nil,
		},
		"no span": {
			trace.NewSpanContext(trace.SpanContextConfig{TraceID: id}),
			[]string{"trace_id=010203"},
			[]string{"span_id"},
		},
		"no trace":   {trace.SpanContext{}, nil, []string{"trace_id", "span_id"}},
		"no context": {trace.SpanContext{}, nil, []string{"trace_id", "span_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			log, lines := hooked()

			if name == "no context" {
				log.Info("hello")
			} else {
				log.WithContext(trace.ContextWithSpanContext(context.Background(), tc.sc)).Info("hello")
			}

			for _, text := range tc.with {
				require.Contains(t, lines.String(), text)
			}
			for _, text := range tc.without {
				require.NotContains(t, lines.String(), text)
			}
		})
	}
}

func TestTraceIDsNeedNoSDK(t *testing.T) {
	for name, tracers := range map[string]trace.TracerProvider{
		"the globals": nil, "no-op providers": nooptrace.NewTracerProvider(),
	} {
		t.Run(name, func(t *testing.T) {
			log, lines := logrus.New(), new(bytes.Buffer)
			log.SetOutput(lines)
			tel := telemetry.New(log, tracers, noop.NewMeterProvider())
			tel.Start()
			c := tel.Ceremony(report.Info{Hash: hash, Peers: make([]report.Peer, 2)},
				func() report.Snapshot { return report.Snapshot{} })

			c.Opened(trace.SpanContext{}, noon)
			stream := c.Stream(report.StreamStart{Peer: 1, At: noon})
			stream.End(report.StreamEnd{At: noon.Add(time.Second)})
			c.End(report.End{Outcome: report.OutcomeComplete, Started: noon, Ended: noon.Add(time.Second)})
			c.Closed()
			<-tel.Flushed()

			require.Equal(t, 2, strings.Count(lines.String(), "trace_id="+telemetry.TraceID(hash).String()))
			require.Empty(t, stream.Traceparent())
		})
	}
}

func TestTheGivenLoggerIsUnchanged(t *testing.T) {
	log := logrus.New()
	tel := telemetry.New(log, nil, nil)
	tel.Ceremony(report.Info{Hash: hash, Peers: make([]report.Peer, 2)}, nil)

	require.Same(t, log, tel.Log())
	require.Empty(t, log.Hooks)
}
