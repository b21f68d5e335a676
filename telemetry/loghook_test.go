package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// labels are the values of attributes, in the order of their names.
func labels(list []attribute.KeyValue) string {
	texts := make([]string, len(list))
	for i, kv := range list {
		texts[i] = kv.Value.String()
	}
	return strings.Join(texts, ",")
}

func countLines(text, about string) (n int) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, about) {
			n++
		}
	}
	return n
}

func hooked() (*logrus.Logger, *bytes.Buffer) {
	var lines bytes.Buffer
	log := logrus.New()
	log.SetOutput(&lines)
	log.AddHook(telemetry.NewLogHook())
	return log, &lines
}

func TestTheHookAddsTheTraceAndTheSpan(t *testing.T) {
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

func TestEveryLineOfACeremonyHasItsTraceID(t *testing.T) {
	s := newScene(t)
	s.everything()

	id := telemetry.TraceID(hash).String()
	for line := range strings.Lines(s.text()) {
		if !strings.Contains(line, "refused a stranger") {
			require.Contains(t, line, "trace_id="+id)
			require.Contains(t, line, "span_id=")
		}
	}
	require.Equal(t, 1, countLines(s.text(), "ceremony opened"))
}

func TestLinesHaveTheTraceIDWithoutAnSDK(t *testing.T) {
	for name, tracers := range map[string]trace.TracerProvider{
		"the globals": nil, "no-op providers": nooptrace.NewTracerProvider(),
	} {
		t.Run(name, func(t *testing.T) {
			log, lines := logrus.New(), new(bytes.Buffer)
			log.SetOutput(lines)
			tel := telemetry.New(log, tracers, noop.NewMeterProvider())
			c := tel.Ceremony(report.Info{Hash: hash, Peers: make([]report.Peer, 2)},
				func() report.Snapshot { return report.Snapshot{} })

			c.Opened(trace.SpanContext{}, noon)
			stream := c.Stream(report.StreamStart{Peer: 1, At: noon})
			stream.End(report.StreamEnd{At: after(time.Second)})
			c.End(report.End{Outcome: report.OutcomeComplete, Started: noon, Ended: after(time.Second)})
			c.Closed()
			tel.FlushAll(t.Context())

			require.Equal(t, 2, countLines(lines.String(), "trace_id="+telemetry.TraceID(hash).String()))
			require.Empty(t, stream.Traceparent())
		})
	}
}

func TestALoggerThatWasGivenIsNotChanged(t *testing.T) {
	log := logrus.New()
	tel := telemetry.New(log, nil, nil)
	tel.Ceremony(report.Info{Hash: hash, Peers: make([]report.Peer, 2)}, nil)

	require.Same(t, log, tel.Log())
	require.Empty(t, log.Hooks)
}

func TestAMemberThatStaysAwayIsWarnedOfLessAndLessOften(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	stays := report.Connect{
		Peer: 2, Since: noon, Started: after(60 * time.Second), Ended: after(90 * time.Second), Attempts: 90,
		Err: errors.New("no route"),
	}

	c.Connect(stays)
	stays.Again = true
	c.Connect(stays)

	require.Equal(t, 2, countLines(s.text(), "operator 2 (carol) still unreachable after 1m30s"))
	require.Equal(t, 1, countLines(s.text(), "level=warning"))
}

func TestAMemberThatComesAndGoesWithoutEndDoesNotFillTheLog(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	const rounds = 500

	for i := range rounds {
		at := after(time.Duration(i) * time.Millisecond)
		c.Member(report.Member{Peer: 2, What: report.MemberConnected, At: at, Connected: 3})
		c.Member(report.Member{Peer: 2, What: report.MemberLost, At: at, Connected: 2})
	}
	c.Member(report.Member{Peer: 1, What: report.MemberConnected, At: after(time.Second), Connected: 3})

	require.Equal(t, 10, countLines(s.text(), "level=warning"))
	require.Equal(t, 2*rounds, countLines(s.text(), "operator 2 (carol)"),
		"the others are there for whoever asks for details")
	require.Equal(t, 12, countLines(s.text(), "level=info"), "opened, connected ten times, and the other member")
}
