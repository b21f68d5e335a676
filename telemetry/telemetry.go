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

// ScopeName is the instrumentation scope of everything that is emitted.
const ScopeName = "github.com/dkgsync/dkgsync"

// Telemetry reports what a service does.
type Telemetry struct {
	log    *logrus.Logger
	tracer trace.Tracer
	meter  metric.Meter

	mu        sync.Mutex
	strangers int       // since the last line about them
	strangeAt time.Time // when that was
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
	return &Telemetry{log: log, tracer: tp.Tracer(ScopeName), meter: mp.Meter(ScopeName)}
}

// Log returns the service's logger.
func (t *Telemetry) Log() *logrus.Logger { return t.log }

// strangerPause keeps a flood of strangers out of the log.
const strangerPause = 10 * time.Second

// Stranger reports a stream of a peer that is a member of nothing.
func (t *Telemetry) Stranger(ctx context.Context, now time.Time, id string) {
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

// Peer is a member as reports name it.
type Peer struct {
	Index int
	ID    string
	Name  string // fit to be shown
}

// Info says which ceremony a report is about.
type Info struct {
	Hash  string // shortened, hexadecimal
	Index int    // this node's operator index
	Peers []Peer // every member, in operator order
}

// Ceremony reports what happens in one ceremony. Its methods are safe for
// concurrent use.
type Ceremony struct {
	t    *Telemetry
	info Info
	ctx  context.Context
}

// Ceremony returns the reports of one ceremony.
func (t *Telemetry) Ceremony(info Info) *Ceremony {
	return &Ceremony{t: t, info: info, ctx: context.Background()}
}

func (c *Ceremony) entry() *logrus.Entry {
	return c.t.log.WithContext(c.ctx).WithField("definition", c.info.Hash)
}

func (c *Ceremony) about(peer int) *logrus.Entry {
	p := c.info.Peers[peer]
	return c.entry().WithFields(logrus.Fields{"peer": p.Index, "peer_name": p.Name})
}

// Opened reports that the ceremony is open.
func (c *Ceremony) Opened() {
	c.entry().WithFields(logrus.Fields{"operator": c.info.Index, "members": len(c.info.Peers)}).Info("ceremony opened")
}

// MemberEvent is a change of how a member stands.
type MemberEvent struct {
	Peer      int
	What      string // connected, lost, restarted, said goodbye
	Connected int    // how many members are connected now, both ways, this node included
	Err       error  // why it was lost
}

// Member reports a change of how a member stands.
func (c *Ceremony) Member(e MemberEvent) {
	entry := c.about(e.Peer).WithField("connected", e.Connected)
	if e.Err != nil {
		entry = entry.WithError(e.Err)
	}
	switch e.What {
	case MemberLost, MemberReplaced:
		entry.Warnf("operator %d %s, %d of %d connected", e.Peer, e.What, e.Connected, len(c.info.Peers))
	default:
		entry.Infof("operator %d %s, %d of %d connected", e.Peer, e.What, e.Connected, len(c.info.Peers))
	}
}

// What can happen to a member.
const (
	MemberConnected = "connected"
	MemberLost      = "lost"
	MemberReplaced  = "restarted before the ceremony ran"
	MemberGoodbye   = "said goodbye"
)

// Connect is how one connect or reconnect went: from the first attempt to the
// first valid response, or to the end of the attempts.
type Connect struct {
	Peer     int
	Started  time.Time
	Ended    time.Time
	Attempts int
	Relayed  bool
	Reason   string // why the stream before was lost, empty for the first connect
	Err      error  // why it never succeeded
}

// Connect reports a connect.
func (c *Ceremony) Connect(o Connect) {
	entry := c.about(o.Peer).WithFields(logrus.Fields{"attempts": o.Attempts, "relayed": o.Relayed, "took": o.Ended.Sub(o.Started)})
	if o.Reason != "" {
		entry = entry.WithField("reason", o.Reason)
	}
	if o.Err != nil {
		entry.WithError(o.Err).Debug("gave up connecting")
		return
	}
	entry.Debug("stream connected")
}

// Stream is how one stream went.
type Stream struct {
	Peer      int
	Inbound   bool
	Relayed   bool
	Opened    time.Time
	Ended     time.Time
	Messages  int64
	EndReason string
	Err       error // set only for refusals and protocol errors
}

// Why a stream ended.
const (
	EndGoodbye    = "goodbye"    // said and answered
	EndAbort      = "abort"      // told and answered
	EndRefused    = "refused"    // one side answered with an error
	EndClosed     = "closed"     // the other side closed it
	EndLost       = "lost"       // reset, or the connection under it died
	EndTimeout    = "timeout"    // the other side was silent for too long
	EndProtocol   = "protocol"   // what came was no frame, no message, or out of turn
	EndSuperseded = "superseded" // a newer stream of the member took its place
	EndMoved      = "moved"      // to a direct connection
	EndStopped    = "stopped"    // by this node
)

// Stream reports a stream that has ended.
func (c *Ceremony) Stream(o Stream) {
	role := "client"
	if o.Inbound {
		role = "server"
	}
	entry := c.about(o.Peer).WithFields(logrus.Fields{
		"role": role, "relayed": o.Relayed, "took": o.Ended.Sub(o.Opened), "messages": o.Messages, "end_reason": o.EndReason,
	})
	if o.Err != nil {
		entry.WithError(o.Err).Warn("stream ended by an error")
		return
	}
	entry.Debug("stream ended")
}

// Barrier is how one barrier went, from its announcement to its release.
type Barrier struct {
	Kind    string // connected, step or shutdown
	Step    int64
	Name    string // the step's name, when it has one
	Started time.Time
	Ended   time.Time
	Last    int // operator index of the last to arrive
	Err     error
}

// Barrier reports a barrier that was passed or that failed.
func (c *Ceremony) Barrier(o Barrier) {
	took := o.Ended.Sub(o.Started)
	entry := c.entry().WithFields(logrus.Fields{"barrier": o.Kind, "step": o.Step, "took": took})
	if o.Name != "" {
		entry = entry.WithField("step_name", o.Name)
	}
	if o.Err != nil {
		entry.Debugf("barrier %s of step %d not passed: the ceremony has ended", o.Kind, o.Step)
		return
	}
	last := c.info.Peers[o.Last]
	entry.WithFields(logrus.Fields{"last": last.Index, "last_name": last.Name}).
		Infof("barrier %s passed at step %d after %s, last was operator %d (%s)", o.Kind, o.Step, took.Round(time.Microsecond), last.Index, last.Name)
}

// End is how a ceremony ended.
type End struct {
	Outcome    string // complete, failed or stopped
	Step       int64
	Reconnects int
	Started    time.Time
	Ended      time.Time
	Err        error // why it failed
	Unheard    error // who did not say goodbye in a complete one
}

// The outcomes of a ceremony.
const (
	OutcomeComplete = "complete"
	OutcomeFailed   = "failed"
	OutcomeStopped  = "stopped"
)

// End reports the end of the ceremony.
func (c *Ceremony) End(o End) {
	entry := c.entry().WithFields(logrus.Fields{
		"outcome": o.Outcome, "step": o.Step, "reconnects": o.Reconnects, "took": o.Ended.Sub(o.Started),
	})
	switch {
	case o.Outcome == OutcomeStopped:
		entry.WithError(o.Err).Info("ceremony closed")
	case o.Err != nil:
		entry.WithError(o.Err).Error("ceremony failed")
	case o.Unheard != nil:
		entry.WithError(o.Unheard).Warn("ceremony complete, but not everyone said goodbye")
	default:
		entry.Info("ceremony complete")
	}
}
