package telemetry

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// Ceremony reports what happens in one ceremony. Its methods are safe for
// concurrent use. They do not block, except for what the program's logger and
// span processors do.
type Ceremony struct {
	t        *Telemetry
	info     Info
	hash     string // in hex
	short    string // the same for people
	snapshot func() Snapshot
	traceID  trace.TraceID
	peers    []peerOptions
	lines    []*rate.Limiter // of the log about each member

	started sync.Once       // S has been recorded,
	rooted  context.Context // and this carries its span context,
	since   time.Time       // and this is when it began

	open   [2]streamCount // by role
	closed bool           // guarded by registering of t

	mu      sync.Mutex
	arrived []time.Time // when each member became connected, by operator index
	left    []time.Time // when each said goodbye
}

// peerOptions are what is recorded with everything about a member, built once.
type peerOptions struct {
	rtt               []metric.RecordOption
	index             []metric.ObserveOption
	inbound, outbound []metric.ObserveOption
}

// A member that comes and goes without end does not fill the log: there are so
// many lines about it at once, and then one every so often. What is more than
// that is there at debug level.
const (
	memberLines = 20
	memberPause = 5 * time.Second
)

// level is that of a line about a member that it can cause at will.
func (c *Ceremony) level(peer int, wanted logrus.Level, at time.Time) logrus.Level {
	if c.lines[peer].AllowN(at, 1) {
		return wanted
	}
	return logrus.DebugLevel
}

// Ceremony returns the reports of one ceremony. The snapshot is asked for
// whenever metrics are collected, between Opened and Closed.
func (t *Telemetry) Ceremony(info Info, snapshot func() Snapshot) *Ceremony {
	const enough = 8
	hash := hex.EncodeToString(info.Hash)
	c := &Ceremony{
		t: t, info: info, hash: hash, short: hash, snapshot: snapshot, traceID: TraceID(info.Hash),
		peers: make([]peerOptions, len(info.Peers)), lines: make([]*rate.Limiter, len(info.Peers)), arrived: make([]time.Time, len(info.Peers)), left: make([]time.Time, len(info.Peers)),
	}
	if len(info.Hash) > enough {
		c.short = hash[:2*enough] + "…"
	}
	c.rooted = rootContext(c.traceID)
	for i := range c.peers {
		c.lines[i] = rate.NewLimiter(rate.Every(memberPause), memberLines)
		index := keyPeerIndex.Int(i)
		c.peers[i] = peerOptions{
			rtt: recording(index), index: observing(index),
			inbound: observing(index, keyRole.String(roleServer)), outbound: observing(index, keyRole.String(roleClient)),
		}
	}
	return c
}

// entry begins a log line. The context may be that of a span that the line is
// about.
func (c *Ceremony) entry(ctx context.Context) *logrus.Entry {
	fields := logrus.Fields{"definition": c.short}
	addTrace(ctx, fields)
	return c.t.log.WithContext(ctx).WithFields(fields)
}

func (c *Ceremony) about(ctx context.Context, peer int) *logrus.Entry {
	p := c.info.Peers[peer]
	return c.entry(ctx).WithFields(logrus.Fields{"peer": p.Index, "peer_name": p.Name})
}

// who is a member as log lines call it.
func (c *Ceremony) who(peer int) string {
	return fmt.Sprintf("operator %d (%s)", c.info.Peers[peer].Index, c.info.Peers[peer].Name)
}

// peer is what spans about a member carry.
func (c *Ceremony) peer(i int, more ...attribute.KeyValue) []attribute.KeyValue {
	return append(more, keyPeerIndex.Int(i), keyPeerID.String(c.info.Peers[i].ID))
}

// Opened reports that the ceremony is open. The context is the caller's: the
// trace links to the span in it, if there is one.
func (c *Ceremony) Opened(ctx context.Context, at time.Time) {
	c.start(at, trace.SpanContextFromContext(ctx))
	c.t.observe(c)
	c.entry(c.ctx()).WithFields(logrus.Fields{"operator": c.info.Index, "members": len(c.info.Peers)}).Info("ceremony opened")
}

// Closed reports that the ceremony is closed and its last stream has ended:
// nothing is reported after it.
func (c *Ceremony) Closed() { c.t.forget(c) }

// Member reports a change of how a member stands.
func (c *Ceremony) Member(e MemberEvent) {
	c.mu.Lock()
	switch e.What {
	case MemberConnected:
		c.arrived[e.Peer] = e.At
	case MemberLost, MemberReplaced:
		c.arrived[e.Peer] = time.Time{}
	case MemberGoodbye:
		c.left[e.Peer] = e.At
	}
	c.mu.Unlock()
	entry := c.about(c.ctx(), e.Peer).WithField("connected", e.Connected)
	if e.Err != nil {
		entry = entry.WithError(e.Err)
	}
	switch e.What {
	case MemberGoodbye:
		entry.Infof("%s %s", c.who(e.Peer), e.What)
	case MemberLost, MemberReplaced:
		entry.Logf(c.level(e.Peer, logrus.WarnLevel, e.At), "%s %s, %d of %d connected", c.who(e.Peer), e.What, e.Connected, len(c.info.Peers))
	default:
		entry.Logf(c.level(e.Peer, logrus.InfoLevel, e.At), "%s %s, %d of %d connected", c.who(e.Peer), e.What, e.Connected, len(c.info.Peers))
	}
}

// Rejected reports a request that was refused or dropped by the rules.
func (c *Ceremony) Rejected(peer int, errorType string) {
	ctx := c.ctx()
	c.t.rejected(ctx, errorType)
	c.about(ctx, peer).WithField("reason", errorType).Debug("request refused")
}

// Foreign reports a member that has not signed the definition of any ceremony that is
// open here, but another.
func (c *Ceremony) Foreign(peer int, at time.Time, asked, here string) {
	ctx := c.ctx()
	c.t.rejected(ctx, TypeBadSignature)
	c.about(ctx, peer).WithField("reason", TypeBadSignature).Logf(c.level(peer, logrus.WarnLevel, at),
		"%s asks for %s; open here with this member: %s: all members need the same definition", c.who(peer), asked, here)
}

// Connect reports a connect, or a slice of one that goes on failing.
func (c *Ceremony) Connect(o Connect) {
	s := span{
		name: spanConnect, kind: trace.SpanKindClient, started: o.Started, ended: o.Ended, err: o.Err, errType: o.Type,
		attrs: c.peer(o.Peer, keyAttempts.Int(o.Attempts), keyRelayed.Bool(o.Relayed)),
	}
	var reason []attribute.KeyValue
	if o.Reason != "" {
		s.name = spanReconnect
		reason = append(reason, keyConnectReason.String(o.Reason))
		s.attrs = append(s.attrs, reason...)
	}
	if o.Lost != nil {
		s.link = o.Lost.span.SpanContext()
	}
	ctx := c.record(s)
	since := o.Started
	if !o.Since.IsZero() {
		since = o.Since
	}
	counted := since
	if o.Err != nil {
		counted = o.Started // of what goes on failing, each slice by itself
	}
	c.t.instruments.connect.Record(ctx, o.Ended.Sub(counted).Seconds(), recording(failing(o.Type, reason...)...)...)
	if o.Err == nil && o.Reason != "" {
		c.t.instruments.reconnects.Add(ctx, 1, adding(append(reason, keyPeerIndex.Int(o.Peer))...)...)
	}

	entry := c.about(ctx, o.Peer).WithFields(logrus.Fields{"attempts": o.Attempts, "relayed": o.Relayed, "took": o.Ended.Sub(since)})
	if o.Reason != "" {
		entry = entry.WithField("reason", o.Reason)
	}
	switch {
	case o.Over:
		entry.WithError(o.Err).Debugf("%s was not reached before the end", c.who(o.Peer))
	case o.Err != nil:
		level := logrus.WarnLevel
		if o.Again {
			level = logrus.DebugLevel
		}
		entry.WithError(o.Err).Logf(level, "%s is still not reached after %s", c.who(o.Peer), o.Ended.Sub(since).Round(time.Second))
	default:
		entry.Debug("stream connected")
	}
}

// Barrier reports a barrier that was passed or that failed.
func (c *Ceremony) Barrier(o Barrier) {
	took := o.Ended.Sub(o.Started)
	kind := keyBarrierKind.String(o.Kind)
	s := span{
		name: spanBarrier, started: o.Started, ended: o.Ended, err: o.Err, errType: o.Type,
		attrs: named(o.Name, kind, keyStep.Int64(o.Step)), events: func() []event { return c.arrivals(o) },
	}
	if o.Err == nil {
		s.attrs = append(s.attrs, keyLastPeer.Int(o.Last))
	}
	ctx := c.record(s)
	c.t.instruments.barrier.Record(ctx, took.Seconds(), recording(failing(o.Type, kind)...)...)

	level := logrus.InfoLevel
	if o.Err != nil {
		level = logrus.DebugLevel
	}
	if !c.t.log.IsLevelEnabled(level) {
		return
	}
	entry := c.entry(ctx).WithFields(logrus.Fields{"barrier": o.Kind, "step": o.Step, "took": took})
	if o.Name != "" {
		entry = entry.WithField("step_name", o.Name)
	}
	if o.Err != nil {
		entry.WithError(o.Err).Logf(level, "barrier %s not passed at step %d", o.Kind, o.Step)
		return
	}
	entry.WithFields(logrus.Fields{"last": o.Last, "last_name": c.info.Peers[o.Last].Name}).
		Logf(level, "barrier %s passed at step %d after %s, last was %s", o.Kind, o.Step, took.Round(time.Microsecond), c.who(o.Last))
}

// arrivals are the events of a barrier: who arrived when. Whoever was there
// before this node arrives with it. A span keeps the latest of too many events,
// so they are in the order of time.
func (c *Ceremony) arrivals(o Barrier) []event {
	at := slices.Clone(o.Arrivals)
	c.mu.Lock()
	switch o.Kind {
	case BarrierConnected:
		at = slices.Clone(c.arrived)
	case BarrierShutdown:
		at = slices.Clone(c.left)
	}
	c.mu.Unlock()
	if o.Err == nil && o.Last < len(at) && at[o.Last].IsZero() {
		at[o.Last] = o.Ended // whose arrival was the end
	}
	events := make([]event, 0, len(at))
	for i, t := range at {
		if i == c.info.Index || t.IsZero() || t.After(o.Ended) {
			continue
		}
		if t.Before(o.Started) {
			t = o.Started
		}
		events = append(events, event{at: t, attrs: []attribute.KeyValue{keyPeerIndex.Int(i)}})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}

// Waiting reports a slice of a barrier that still waits.
func (c *Ceremony) Waiting(o Waiting) {
	ctx := c.record(span{
		name: spanWaiting, started: o.Started, ended: o.Ended,
		attrs: []attribute.KeyValue{
			keyBarrierKind.String(o.Kind), keyStep.Int64(o.Step), keyMissing.IntSlice(o.Missing), keyElapsed.Float64(o.Elapsed.Seconds()),
		},
	})
	c.entry(ctx).WithFields(logrus.Fields{"barrier": o.Kind, "step": o.Step, "missing": o.Missing, "elapsed": o.Elapsed}).
		Warnf("still waiting after %s: %s", o.Elapsed.Round(time.Second), o.Who)
}

// Step reports the work between two barriers.
func (c *Ceremony) Step(o Step) {
	took := o.Ended.Sub(o.Started)
	ctx := c.record(span{name: spanStep, started: o.Started, ended: o.Ended, attrs: named(o.Name, keyStep.Int64(o.Step))})
	c.t.instruments.step.Record(ctx, took.Seconds())
	if c.t.log.IsLevelEnabled(logrus.DebugLevel) {
		c.entry(ctx).WithFields(logrus.Fields{"step": o.Step, "step_name": o.Name, "took": took}).Debug("step done")
	}
}

// named adds the step's name, when it has one.
func named(step string, attrs ...attribute.KeyValue) []attribute.KeyValue {
	if step != "" {
		attrs = append(attrs, keyStepName.String(step))
	}
	return attrs
}

// End reports the end of the ceremony.
func (c *Ceremony) End(o End) {
	took := o.Ended.Sub(o.Started)
	ctx := c.record(span{
		name: spanCeremony, started: o.Started, ended: o.Ended, err: o.Err, errType: o.Type,
		attrs: []attribute.KeyValue{keyOutcome.String(o.Outcome), keyStep.Int64(o.Step), keyReconnects.Int(o.Reconnects)},
	})
	c.t.instruments.ceremony.Record(ctx, took.Seconds(), recording(failing(o.Type)...)...)

	entry := c.entry(ctx).WithFields(logrus.Fields{"outcome": o.Outcome, "step": o.Step, "reconnects": o.Reconnects, "took": took})
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
