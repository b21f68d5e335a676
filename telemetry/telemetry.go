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
// [Stream], are safe for concurrent use, may be called with locks held and from
// whatever a report calls, and return at once: a report is queued, and a goroutine
// of the Telemetry carries it out. Only [Stream.Message] and [Stream.RTT] record at
// once. Each report carries the time of what happened.
//
// A sink that is too slow, hangs or panics costs reports. The least important ones
// are lost first, and dkgsync.reports.dropped counts them.
type Telemetry struct {
	reporter reporter
	tracers  trace.TracerProvider      // nil: the global one
	meters   metric.MeterProvider      // nil: the global one
	current  atomic.Pointer[recorders] // where spans and metrics go since the last Start
	messages [2][]metric.AddOption     // by role
	roles    [2][]metric.ObserveOption // by role

	mu         sync.Mutex
	ceremonies []*Ceremony   // the open ones, in the order of their opening
	peers      []peerOptions // by operator index, of as many members as a ceremony has had

	// What follows belongs to the reporter's goroutine.

	names      spanNames
	callback   metric.Registration // while a ceremony is open
	registered *recorders          // where the callback is registered
	strangers  int                 // refused since the last line about them
	strangeAt  time.Time           // when that line was written
}

// recorders record the spans and metrics of a service.
type recorders struct {
	tracer trace.Tracer
	meter  metric.Meter
	instruments
}

// New returns the telemetry of a service, which records nothing before
// [Telemetry.Start]. A nil logger stands for logrus's standard logger, a nil provider
// for OpenTelemetry's global one.
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

// Start makes the tracer and the instruments. An SDK may be built as late as at the
// start of an app, and anew at each.
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

// to returns where spans and metrics go.
func (t *Telemetry) to() *recorders { return t.current.Load() }

// handle reports an error of OpenTelemetry.
func (t *Telemetry) handle(err error) {
	t.reporter.push(normal, "an error of OpenTelemetry", func() { otel.Handle(err) })
}

// Log returns the service's logger.
func (t *Telemetry) Log() *logrus.Logger { return t.reporter.log }

// FlushLimit is how long [Telemetry.Flush] waits at most.
const FlushLimit = 500 * time.Millisecond

// Flush waits until everything that was reported before has reached the loggers
// and providers. It gives up when the context ends, and after [FlushLimit]. It
// returns at once if a report has been running for that long already, or if an
// earlier call has given up on reports that are not carried out yet. A report that
// calls it, such as a hook of the logger, waits for itself, and so until then.
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

// Flushed returns a channel that is closed when everything that was reported
// before has reached the loggers and providers, or was dropped, however long that
// takes.
func (t *Telemetry) Flushed() <-chan struct{} { return t.reporter.flushed() }

// rejected counts a refusal.
func (t *Telemetry) rejected(ctx context.Context, errorType string) {
	t.to().rejections.Add(ctx, 1, adding(keyErrorType.String(errorType))...)
}

// strangerPause limits the lines about strangers, of whom there may be a flood.
const strangerPause = 10 * time.Second

// Stranger reports the refusal of a stream whose peer is not a member of any open
// ceremony.
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

// Panicked reports a panic of a background task, with its stack.
func (t *Telemetry) Panicked(at time.Time, task string, value any, stack []byte) {
	t.reporter.push(progress, fmt.Sprintf("a panic of task %q", task), func() {
		t.Log().WithTime(at).WithField("stack", string(stack)).Errorf("task %q panicked: %v", task, value)
	})
}
