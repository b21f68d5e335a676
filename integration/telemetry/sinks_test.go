package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// sink is a part of the program that receives reports at last, such as a log hook.
// It does what the test wants.
type sink struct{ does func() }

func (s *sink) Levels() []logrus.Level { return logrus.AllLevels }

func (s *sink) Fire(*logrus.Entry) error { s.does(); return nil }

type badOutput struct {
	*sink
	to io.Writer
}

func (o badOutput) Write(p []byte) (int, error) { o.does(); return o.to.Write(p) }

type badFormatter struct {
	*sink
	logrus.TextFormatter
}

func (f *badFormatter) Format(e *logrus.Entry) ([]byte, error) {
	f.does()
	return f.TextFormatter.Format(e)
}

type badProcessor struct{ *sink }

func (p badProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) { p.does() }
func (p badProcessor) OnEnd(sdktrace.ReadOnlySpan)                     { p.does() }
func (p badProcessor) Shutdown(context.Context) error                  { return nil }
func (p badProcessor) ForceFlush(context.Context) error                { return nil }

type badSampler struct {
	*sink
	sdktrace.Sampler
}

func (s badSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s.does()
	return s.Sampler.ShouldSample(p)
}

type badExporter struct{ *sink }

func (e badExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	e.does()
	return nil
}
func (e badExporter) Shutdown(context.Context) error { return nil }

// logSinks makes scenes with a sink behind the logger.
var logSinks = map[string]func(testing.TB, *sink) *scene{
	"log output": func(t testing.TB, bad *sink) *scene {
		s := newScene(t)
		s.telemetry.Log().SetOutput(badOutput{bad, s.lines})
		return s
	},
	"log hook": func(t testing.TB, bad *sink) *scene {
		s := newScene(t)
		s.telemetry.Log().AddHook(bad)
		return s
	},
	"formatter": func(t testing.TB, bad *sink) *scene {
		s := newScene(t)
		s.telemetry.Log().SetFormatter(&badFormatter{sink: bad})
		return s
	},
}

// spanSinks makes scenes with a sink behind the tracer provider.
var spanSinks = map[string]func(testing.TB, *sink) *scene{
	"span processor": func(t testing.TB, bad *sink) *scene {
		return newScene(t, sdktrace.WithSpanProcessor(badProcessor{bad}))
	},
	"sampler": func(t testing.TB, bad *sink) *scene {
		return newScene(t, sdktrace.WithSampler(badSampler{bad, sdktrace.AlwaysSample()}))
	},
	"exporter": func(t testing.TB, bad *sink) *scene {
		return newScene(t, sdktrace.WithSyncer(badExporter{bad}))
	},
}

// eachSink runs a test with each of the sinks, in virtual time.
func eachSink(
	t *testing.T, sinks map[string]func(testing.TB, *sink) *scene, test func(*testing.T, *scene, *sink),
) {
	t.Helper()
	for name, newScene := range sinks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := &sink{does: func() {}}
				test(t, newScene(t, bad), bad)
			})
		})
	}
}

var message = regexp.MustCompile(`msg="?([^"\n]+)`)

// messages returns the messages of the log, without their fields.
func (s *scene) messages() (texts []string) {
	for _, m := range message.FindAllStringSubmatch(s.text(), -1) {
		texts = append(texts, m[1])
	}
	return texts
}

func (s *scene) spanNames() (names []string) {
	for _, span := range s.ended() {
		names = append(names, span.Name())
	}
	return names
}

// healthy returns all messages and spans of a scene without a bad sink.
func healthy(t *testing.T) (messages, spans []string) {
	t.Helper()
	s := newScene(t)
	s.everything()
	return s.messages(), s.spanNames()
}

// atOnce requires that a call takes no virtual time.
func atOnce(t *testing.T, what func()) {
	t.Helper()
	begin := time.Now()
	what()
	require.Zero(t, time.Since(begin))
}

func TestASlowSinkDelaysNobody(t *testing.T) {
	messages, spans := healthy(t)
	for _, sinks := range []map[string]func(testing.TB, *sink) *scene{logSinks, spanSinks} {
		eachSink(t, sinks, func(t *testing.T, s *scene, bad *sink) {
			bad.does = func() { <-time.After(200 * time.Millisecond) }

			atOnce(t, s.everything)

			require.Equal(t, messages, s.messages())
			require.Equal(t, spans, s.spanNames())
		})
	}
}

func TestAHangingSinkDelaysOnlyAFlush(t *testing.T) {
	messages, spans := healthy(t)
	for _, sinks := range []map[string]func(testing.TB, *sink) *scene{logSinks, spanSinks} {
		eachSink(t, sinks, func(t *testing.T, s *scene, bad *sink) {
			hangs := make(chan struct{})
			bad.does = func() { <-hangs }

			atOnce(t, s.everything)
			begin := time.Now()
			s.telemetry.Flush(t.Context())
			require.Equal(t, telemetry.FlushLimit, time.Since(begin))

			close(hangs)
			require.Equal(t, messages, s.messages())
			require.Equal(t, spans, s.spanNames())
		})
	}
}

func TestACallbackDoesNotDeadlock(t *testing.T) {
	messages, spans := healthy(t)
	for _, sinks := range []map[string]func(testing.TB, *sink) *scene{logSinks, spanSinks} {
		eachSink(t, sinks, func(t *testing.T, s *scene, bad *sink) {
			var locked sync.Mutex
			c := s.ceremony()
			callBack := sync.OnceFunc(func() {
				locked.Lock()
				defer locked.Unlock()
				stream := c.Stream(report.StreamStart{Peer: 1, At: noon})
				stream.Message()
				stream.End(report.StreamEnd{At: noon})
				c.Barrier(report.Barrier{Kind: report.BarrierConnected, Started: noon, Ended: noon})
				c.Closed()
				s.telemetry.Flush(t.Context())
			})
			bad.does = callBack

			locked.Lock()
			atOnce(t, s.everything)
			locked.Unlock()
			s.flush()
			synctest.Wait() // wait for the reports that were queued when the sink called back

			require.Subset(t, s.messages(), messages)
			require.Subset(t, s.spanNames(), spans)
		})
	}
}

func TestALoggersPanicCostsNoSpans(t *testing.T) {
	_, spans := healthy(t)
	eachSink(t, logSinks, func(t *testing.T, s *scene, bad *sink) {
		bad.does = func() { panic("a sink") }

		atOnce(t, s.everything)

		require.Equal(t, spans, s.spanNames())
		require.Empty(t, s.messages())
	})
}

func TestASpansPanicCostsNoLine(t *testing.T) {
	messages, _ := healthy(t)
	eachSink(t, spanSinks, func(t *testing.T, s *scene, bad *sink) {
		bad.does = func() { panic("a sink") }

		atOnce(t, s.everything)

		require.Subset(t, s.messages(), messages)
		require.Len(t, s.messages(), len(messages)+1)
		require.Equal(t, 1, countLines(s.text(), "the report of the span dkgsync.ceremony.start panicked: a sink;"))
		require.Equal(t, 1, countLines(s.text(), "stack="))
	})
}

func TestAPanicIsLoggedOnce(t *testing.T) {
	s := newScene(t)
	line, panicsAt := 0, []int{1, 2, 3, 6}
	s.telemetry.Log().AddHook(&sink{does: func() {
		if line++; slices.Contains(panicsAt, line) {
			panic(fmt.Sprint("at line ", line))
		}
	}})
	c := s.opened() // line 1 panics, and so does line 2, which reports that
	defer c.Closed()

	for i := range 4 { // line 3 panics, 4 reports that, 5 is a step, 6 panics, 7 is a step
		c.Step(report.Step{Step: int64(i), Started: noon, Ended: after(time.Second)})
	}

	require.Equal(t, 2, countLines(s.text(), "step done"))
	require.Equal(t, 1, countLines(s.text(), "the report of a step panicked: at line 3;"))
	require.Equal(t, 1, countLines(s.text(), "panicked"))
}

func TestAGoexitEndsNoReports(t *testing.T) {
	s := newScene(t)
	first := true
	s.telemetry.Log().AddHook(&sink{does: func() {
		if first {
			first = false
			runtime.Goexit()
		}
	}})
	c := s.opened()
	defer c.Closed()

	c.Step(report.Step{Started: noon, Ended: after(time.Second)})

	require.Equal(t, 1, countLines(s.text(), "the report of the start of a ceremony ended its goroutine;"))
	require.Equal(t, 1, countLines(s.text(), "step done"))
}

func TestASlowLogKeepsTheTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.telemetry.Log().AddHook(&sink{does: func() { <-time.After(time.Hour) }})

		s.everything()

		for line := range strings.Lines(s.text()) {
			require.Contains(t, line, `time="2026-05-04T12:0`)
		}
	})
}

func TestDurationsInAJSONLog(t *testing.T) {
	s := newScene(t)
	s.telemetry.Log().SetFormatter(&logrus.JSONFormatter{})
	c := s.opened()
	defer c.Closed()

	c.Step(report.Step{Started: noon, Ended: after(1200 * time.Millisecond)})
	c.WaitReport(report.WaitReport{Started: noon, Ended: after(time.Minute), Elapsed: time.Minute})

	require.Contains(t, s.text(), `"took":"1.2s"`)
	require.Contains(t, s.text(), `"elapsed":"1m0s"`)
}

func TestATasksPanicHasItsStack(t *testing.T) {
	s := newScene(t)

	s.telemetry.Panicked(noon, "dial bob", errors.New("no map"), []byte("goroutine 7"))

	require.Contains(t, s.text(), `level=error msg="task \"dial bob\" panicked: no map" stack="goroutine 7"`)
}
