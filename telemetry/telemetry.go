package telemetry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/dkgsync/dkgsync/internal/report"
)

// Telemetry reports what a service does. Its methods, and those of [Ceremony] and
// [Stream], are safe for concurrent use. They may be called with locks held, and from
// the hooks and span processors that a report calls. All but [Telemetry.Flush] return
// at once: they queue a report, and a goroutine carries it out later. Only
// [Stream.Message] and [Stream.RTT] record at once. Each report has the time of the
// event.
//
// If a sink is too slow, hangs or panics, reports are lost. When the queue is full, it
// drops the least important reports first, and dkgsync.reports.dropped counts them.
type Telemetry struct {
	reporter reporter
	tracers  trace.TracerProvider      // nil: the global one
	meters   metric.MeterProvider      // nil: the global one
	current  atomic.Pointer[recorders] // where spans and metrics go since the last Start
	messages [2][]metric.AddOption     // by role
	roles    [2][]metric.ObserveOption // by role

	mu         sync.Mutex
	ceremonies []*Ceremony   // the open ones, in the order of their opening
	peers      []peerOptions // by operator index, for as many members as any ceremony had so far

	// Only the reporter's goroutine uses these fields.

	names      spanNames
	callback   metric.Registration // while a ceremony is open
	registered *recorders          // where the callback is registered
	strangers  int                 // streams of strangers refused since the last line about them
	strangeAt  time.Time           // the time of that line
}

// recorders record the spans and metrics of a service.
type recorders struct {
	tracer trace.Tracer
	meter  metric.Meter
	instruments
}

// New returns the telemetry of a service. It records nothing before
// [Telemetry.Start]. If log is nil, it uses logrus's standard logger. If a provider is
// nil, it uses OpenTelemetry's global one.
func New(log *logrus.Logger, tp trace.TracerProvider, mp metric.MeterProvider) *Telemetry {
	if log == nil {
		log = logrus.StandardLogger()
	}
	t := &Telemetry{reporter: reporter{log: log}, tracers: tp, meters: mp, names: make(spanNames)}
	t.record(tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
	for _, r := range []role{client, server} {
		t.messages[r] = adding(keyRole.String(r.String()))
		t.roles[r] = observing(keyRole.String(r.String()))
	}
	return t
}

// Start makes the tracer and the instruments. New cannot make them, because the SDK may
// not exist before the app starts, and each start may build a new one.
func (t *Telemetry) Start() {
	tracers, meters := t.tracers, t.meters
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	t.record(tracers, meters)
}

func (t *Telemetry) record(tracers trace.TracerProvider, meters metric.MeterProvider) {
	r := &recorders{
		tracer: tracers.Tracer(ScopeName, trace.WithInstrumentationVersion(Version)),
		meter:  meters.Meter(ScopeName, metric.WithInstrumentationVersion(Version)),
	}
	r.instruments = newInstruments(r.meter, t.handle)
	t.current.Store(r)
}

// to returns the current recorders, to which spans and metrics go.
func (t *Telemetry) to() *recorders { return t.current.Load() }

// handle reports an error of OpenTelemetry.
func (t *Telemetry) handle(err error) {
	t.reporter.push(normal, "an error of OpenTelemetry", func() { otel.Handle(err) })
}

// Log returns the service's logger.
func (t *Telemetry) Log() *logrus.Logger { return t.reporter.log }

// FlushLimit is the longest time that [Telemetry.Flush] waits.
const FlushLimit = 500 * time.Millisecond

// Flush waits until all earlier reports have reached the loggers and providers. It
// gives up when the context ends, or after [FlushLimit]. It returns at once if the
// current report has been running for FlushLimit, or if an earlier call gave up and the
// reports that it waited for have still not been carried out. If a report calls Flush, for example in a
// hook of the logger, it waits for itself until Flush gives up.
func (t *Telemetry) Flush(ctx context.Context) {
	if t.reporter.stuck() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, FlushLimit)
	defer cancel()
	select {
	case <-t.Flushed():
	case <-ctx.Done():
	}
}

// Flushed returns a channel that is closed once all earlier reports have reached the
// loggers and providers or were dropped. There is no limit on how long that takes.
func (t *Telemetry) Flushed() <-chan struct{} { return t.reporter.flushed() }

// rejected counts a refusal.
func (t *Telemetry) rejected(ctx context.Context, errorType string) {
	t.to().rejections.Add(ctx, 1, adding(keyErrorType.String(errorType))...)
}

// strangerPause is the shortest time between two lines about strangers, because there
// may be a flood of them.
const strangerPause = 10 * time.Second

// Stranger reports that a stream was refused because its peer is not a member of any
// open ceremony.
func (t *Telemetry) Stranger(at time.Time, id string) {
	t.reporter.push(detail, "a refused stranger", func() {
		t.rejected(context.Background(), report.TypeNotAMember)
		t.strangers++
		if at.Sub(t.strangeAt) < strangerPause {
			return
		}
		n := t.strangers
		t.strangers, t.strangeAt = 0, at
		t.Log().WithTime(at).WithFields(logrus.Fields{"peer_id": id, "streams": n}).
			Warn("refused a stranger: it is not a member of any open ceremony")
	})
}

// Panicked reports that a background task panicked, with its stack.
func (t *Telemetry) Panicked(at time.Time, task string, value any, stack []byte) {
	t.reporter.push(progress, fmt.Sprintf("a panic of task %q", task), func() {
		t.Log().WithTime(at).WithField("stack", string(stack)).Errorf("task %q panicked: %v", task, value)
	})
}
