package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry reports what a service does.
type Telemetry struct {
	log         *logrus.Logger
	tracer      trace.Tracer
	meter       metric.Meter
	instruments instruments
	messages    [2][]metric.AddOption     // by role
	roles       [2][]metric.ObserveOption // by role

	registering sync.Mutex
	callback    metric.Registration // while a ceremony is open

	mu         sync.Mutex
	ceremonies []*Ceremony // the open ones, in the order of their opening
	strangers  int         // since the last line about them
	strangeAt  time.Time   // when that was
}

// New returns the telemetry of a service. What is nil is taken from where a
// program without its own finds it: logrus's standard logger and the
// OpenTelemetry globals.
func New(log *logrus.Logger, tp trace.TracerProvider, mp metric.MeterProvider) *Telemetry {
	if log == nil {
		log = logrus.StandardLogger()
	}
	if tp == nil {
		tp = otel.GetTracerProvider()
	}
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	t := &Telemetry{
		log:    log,
		tracer: tp.Tracer(ScopeName, trace.WithInstrumentationVersion(Version)),
		meter:  mp.Meter(ScopeName, metric.WithInstrumentationVersion(Version)),
	}
	t.instruments = newInstruments(t.meter)
	for _, r := range []role{client, server} {
		t.messages[r] = adding(keyRole.String(r.String()))
		t.roles[r] = observing(keyRole.String(r.String()))
	}
	return t
}

// rejected counts what was refused.
func (t *Telemetry) rejected(ctx context.Context, errorType string) {
	t.instruments.rejections.Add(ctx, 1, adding(keyErrorType.String(errorType))...)
}

// Log returns the service's logger.
func (t *Telemetry) Log() *logrus.Logger { return t.log }

// strangerPause keeps a flood of strangers out of the log.
const strangerPause = 10 * time.Second

// Stranger reports a stream of a peer that is a member of nothing.
func (t *Telemetry) Stranger(ctx context.Context, now time.Time, id string) {
	t.rejected(ctx, TypeNotAMember)
	t.mu.Lock()
	t.strangers++
	n := t.strangers
	due := now.Sub(t.strangeAt) >= strangerPause
	if due {
		t.strangers, t.strangeAt = 0, now
	}
	t.mu.Unlock()
	if due {
		t.log.WithContext(ctx).WithFields(logrus.Fields{"peer_id": id, "streams": n}).
			Warn("refused a stranger: it is a member of no ceremony that is open here")
	}
}
