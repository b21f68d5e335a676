package telemetry

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/dkgsync/dkgsync/internal/report"
)

// Ceremony reports what happens in one ceremony.
type Ceremony struct {
	t        *Telemetry
	info     report.Info
	hash     string // in hex
	short    string // the hash as shown in log lines
	snapshot func() report.Snapshot
	traceID  trace.TraceID
	root     context.Context // carries only the trace ID
	peers    []peerOptions   // shared by all ceremonies; never changed
	lines    []*rate.Limiter // limits the log lines about each member

	open   [2]atomic.Int64 // streams, by role
	closed bool            // guarded by t.mu

	mu      sync.Mutex
	arrived []time.Time // when each member became connected, by operator index
	left    []time.Time // when each member said goodbye

	// Only the reporter's goroutine uses these fields.

	started bool            // the start span has been recorded
	rooted  context.Context // carries the span context of the start span
	since   time.Time       // when the start span began
	failure string          // what the ceremony has failed with, once that is logged
}

// peerOptions holds the attributes of a member's metrics. They depend only on its
// operator index, so the ceremonies share them. They are built once.
type peerOptions struct {
	rtt               []metric.RecordOption
	index             []metric.ObserveOption
	inbound, outbound []metric.ObserveOption
}

// fewMembers is the maximum number of members for which the metrics of a member have a
// second attribute, such as the role. If an instrument has more than 2,000 series, the
// SDK silently folds the rest into one. With a second attribute each member would have
// up to ten series of dkgsync.reconnects, and a ceremony may have 1,024 members.
const fewMembers = 64

func (c *Ceremony) large() bool { return len(c.info.Peers) > fewMembers }

// A member that keeps coming and going must not fill the log. After memberLines lines
// about a member, one line every memberPause keeps its level. The others are logged at
// debug level.
const (
	memberLines = 20
	memberPause = 5 * time.Second
)

// level returns the level for a line that a member can cause as often as it likes.
func (c *Ceremony) level(peer int, wanted logrus.Level, at time.Time) logrus.Level {
	if c.lines[peer].AllowN(at, 1) {
		return wanted
	}
	return logrus.DebugLevel
}

// Ceremony returns a reporter for one ceremony. Between Opened and Closed, the meter
// provider's readers call snapshot whenever they collect metrics.
func (t *Telemetry) Ceremony(info report.Info, snapshot func() report.Snapshot) *Ceremony {
	const shown = 8 // bytes of the hash in log lines
	members := len(info.Peers)
	c := &Ceremony{
		t: t, info: info, hash: hex.EncodeToString(info.Hash), snapshot: snapshot, traceID: TraceID(info.Hash),
		peers: t.peerOptions(members), lines: make([]*rate.Limiter, members),
		arrived: make([]time.Time, members), left: make([]time.Time, members),
	}
	c.short = c.hash
	if len(info.Hash) > shown {
		c.short = c.hash[:2*shown] + "…"
	}
	c.root = rootContext(c.traceID)
	c.rooted = c.root
	for i := range c.lines {
		c.lines[i] = rate.NewLimiter(rate.Every(memberPause), memberLines)
	}
	return c
}

// peerOptions returns the options for the given number of members, by operator index.
// All ceremonies share them.
func (t *Telemetry) peerOptions(members int) []peerOptions {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.peers); i < members; i++ {
		index := keyPeerIndex.Int(i)
		t.peers = append(t.peers, peerOptions{
			rtt: recording(index), index: observing(index),
			inbound:  observing(index, keyRole.String(roleServer)),
			outbound: observing(index, keyRole.String(roleClient)),
		})
	}
	return t.peers[:members:members]
}

// queue queues a report of this ceremony.
func (c *Ceremony) queue(i importance, what string, run func()) {
	now := time.Now()
	c.t.reporter.push(i, what, func() {
		c.start(now, trace.SpanContext{})
		run()
	})
}

// entry begins a log line about something that happened at the given time. The context
// belongs to the span that the line is about, or to the ceremony.
func (c *Ceremony) entry(ctx context.Context, at time.Time) *logrus.Entry {
	fields := logrus.Fields{"definition": c.short}
	if c.info.Attempt > 1 {
		fields["attempt"] = c.info.Attempt
	}
	addTrace(ctx, fields)
	return c.t.Log().WithContext(ctx).WithTime(at).WithFields(fields)
}

// about begins a log line about a member.
func (c *Ceremony) about(ctx context.Context, peer int, at time.Time) *logrus.Entry {
	p := c.info.Peers[peer]
	return c.entry(ctx, at).WithFields(logrus.Fields{"peer": p.Index, "peer_name": p.Name})
}

// who returns how log lines name a member.
func (c *Ceremony) who(peer int) string {
	return fmt.Sprintf("operator %d (%s)", c.info.Peers[peer].Index, c.info.Peers[peer].Name)
}

// peer adds the attributes that identify a member in spans.
func (c *Ceremony) peer(i int, more ...attribute.KeyValue) []attribute.KeyValue {
	p := c.info.Peers[i]
	return append(more, keyPeerIndex.Int(i), keyPeerID.String(p.ID), keyPeerService.String(p.Service))
}

// took formats a duration for a field of a log line. A JSON formatter would write a
// time.Duration as a number of nanoseconds. [time.ParseDuration] reads the text.
func took(d time.Duration) string {
	if d >= time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// Opened reports that the ceremony is open. If the caller's span is valid, the trace
// links to it.
func (c *Ceremony) Opened(caller trace.SpanContext, at time.Time) {
	c.t.observe(c)
	c.t.reporter.push(vital, "the start of a ceremony", func() {
		c.start(at, caller)
		entry := c.entry(c.rooted, at).
			WithFields(logrus.Fields{"operator": c.info.Index, "members": len(c.info.Peers)})
		if c.info.Before != nil {
			entry = entry.WithField("before", c.info.Before.Error())
		}
		what := "ceremony opened"
		if c.info.Observes {
			what = "ceremony opened only to look at it: this node takes no part"
		}
		entry.Info(what)
	})
}

// Pause reports that this attempt has failed and that another one follows.
func (c *Ceremony) Pause(o report.Pause) {
	c.queue(progress, "the pause before another attempt", func() {
		c.entry(c.rooted, o.At).WithFields(logrus.Fields{"pause": took(o.Lasts)}).WithError(o.Err).
			Warnf("attempt %d has failed; the next one begins in %s",
				c.info.Attempt, o.Lasts.Round(time.Millisecond))
	})
}

// Closed reports that the ceremony is closed. The meter provider's readers no
// longer observe it.
func (c *Ceremony) Closed() { c.t.forget(c) }

// End reports the end of the ceremony.
func (c *Ceremony) End(o report.End) {
	c.queue(vital, "the end of a ceremony", func() {
		lasted := o.Ended.Sub(o.Started)
		ctx := c.record(span{
			name: spanCeremony, started: o.Started, ended: o.Ended, err: o.Err, errType: o.Type,
			attrs: []attribute.KeyValue{
				keyOutcome.String(o.Outcome), keyAttempt.Int(c.info.Attempt), keyStep.Int64(o.Step),
				keyReconnects.Int(o.Reconnects),
			},
		})
		c.t.to().ceremony.Record(ctx, lasted.Seconds(), recording(failing(o.Type)...)...)

		entry := c.entry(ctx, o.Ended).WithFields(logrus.Fields{
			"outcome": o.Outcome, "step": o.Step, "reconnects": o.Reconnects, "took": took(lasted),
		})
		switch {
		case o.Outcome == report.OutcomeStopped:
			entry.WithError(o.Err).Info("ceremony closed")
		case o.Err != nil:
			c.failure = o.Err.Error()
			entry.WithError(o.Err).Error("ceremony failed")
		case o.GoodbyeErr != nil:
			entry.WithError(o.GoodbyeErr).Warn("ceremony complete here, but not everyone said goodbye: " +
				"before you use its result, check that every member has completed it")
		default:
			entry.Info("ceremony complete")
		}
	})
}
