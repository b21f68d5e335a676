package telemetry_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

func countLines(text, about string) (n int) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, about) {
			n++
		}
	}
	return n
}

func TestEveryLineHasTheTraceID(t *testing.T) {
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

func TestDurationsInTheLogAreText(t *testing.T) {
	s := newScene(t)
	s.telemetry.Log().SetFormatter(&logrus.JSONFormatter{})
	durations := make(map[string]int)

	s.everything()

	for line := range strings.Lines(s.text()) {
		fields := make(map[string]any)
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		for _, name := range []string{"took", "elapsed"} {
			if value, ok := fields[name]; ok {
				require.IsType(t, "", value, line)
				_, err := time.ParseDuration(value.(string))
				require.NoError(t, err, line)
				durations[name]++
			}
		}
	}
	require.Positive(t, durations["took"])
	require.Positive(t, durations["elapsed"])
}

func TestWarningsBecomeRare(t *testing.T) {
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

func TestReconnectsDoNotFillTheLog(t *testing.T) {
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
		"the other lines about carol are at debug level")
	require.Equal(t, 12, countLines(s.text(), "level=info"), "opened, connected ten times, and the other member")
}

// After a restart every member begins another attempt. That is no reason for a warning.
func TestANewAttemptIsNoWarning(t *testing.T) {
	s := newScene(t)
	c := s.opened()

	c.Member(report.Member{Peer: 2, What: report.MemberReplaced, At: noon, Connected: 3})

	line := lineWith(t, s.text(), "operator 2 (carol) starts again, as a new process or in a new attempt "+
		"(3 of 3 connected)")
	require.Contains(t, line, "level=info")
}

func TestAFailedBarrierSaysWhatIsMissing(t *testing.T) {
	s := newScene(t)
	c := s.opened()

	for _, b := range []report.Barrier{
		{Kind: report.BarrierConnected}, {Kind: report.BarrierStep, Step: 1}, {Kind: report.BarrierShutdown},
	} {
		b.Started, b.Ended, b.Err = noon, noon, errors.New("it failed")
		c.Barrier(b)
	}

	for _, text := range []string{
		"this node is not connected to everyone", "not everyone is ready to begin step 1",
		"not everyone has said goodbye",
	} {
		require.Contains(t, lineWith(t, s.text(), `msg="`+text+`"`), "level=debug")
	}
}

func TestAnAttemptSaysWhyItFollows(t *testing.T) {
	s := newScene(t)
	failed := errors.New("bob restarted")
	first := s.opened()
	first.Pause(report.Pause{At: noon, Lasts: 1500 * time.Millisecond, Err: failed})
	first.Closed()
	second := s.attempt(2, failed)
	second.Opened(trace.SpanContext{}, after(2*time.Second))
	defer second.Closed()
	second.Step(report.Step{Step: 1, Name: "deal", Started: noon, Ended: after(time.Second)})

	s.flush()

	text := s.text()
	pause := lineWith(t, text, "attempt 1 has failed; the next one begins in 1.5s")
	require.Contains(t, pause, "pause=1.5s")
	require.Contains(t, pause, `error="bob restarted"`)
	require.NotContains(t, pause, "attempt=")
	opened := lineWith(t, text, `before="bob restarted"`)
	require.Contains(t, opened, "ceremony opened")
	require.Contains(t, opened, "attempt=2")
	current := s.metrics()["dkgsync.attempt.current"]
	gauge, ok := current.Data.(metricdata.Gauge[int64])
	require.True(t, ok)
	require.EqualValues(t, 2, gauge.DataPoints[0].Value)
}

// lineWith returns the line of a log that contains a text.
func lineWith(t *testing.T, log, what string) string {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, what) {
			return line
		}
	}
	require.Fail(t, "no line with "+what, log)
	return ""
}
