package telemetry

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/sirupsen/logrus"
)

// Ceremony reports what happens in one ceremony. Its methods are safe for
// concurrent use and do not block.
type Ceremony struct {
	t        *Telemetry
	info     Info
	hash     string
	snapshot func() Snapshot
	ctx      context.Context
}

// Ceremony returns the reports of one ceremony. The snapshot is asked for
// whenever metrics are collected, between Opened and Closed.
func (t *Telemetry) Ceremony(info Info, snapshot func() Snapshot) *Ceremony {
	const enough = 8
	hash := hex.EncodeToString(info.Hash)
	if len(info.Hash) > enough {
		hash = hash[:2*enough] + "…"
	}
	return &Ceremony{t: t, info: info, hash: hash, snapshot: snapshot, ctx: context.Background()}
}

func (c *Ceremony) entry() *logrus.Entry {
	return c.t.log.WithContext(c.ctx).WithField("definition", c.hash)
}

func (c *Ceremony) about(peer int) *logrus.Entry {
	p := c.info.Peers[peer]
	return c.entry().WithFields(logrus.Fields{"peer": p.Index, "peer_name": p.Name})
}

// Opened reports that the ceremony is open.
func (c *Ceremony) Opened(time.Time) {
	c.entry().WithFields(logrus.Fields{"operator": c.info.Index, "members": len(c.info.Peers)}).Info("ceremony opened")
}

// Closed reports that the ceremony is closed and its last stream has ended:
// nothing is reported after it.
func (c *Ceremony) Closed() {}

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

// Rejected reports a request that was refused or dropped by the rules.
func (c *Ceremony) Rejected(peer int, errorType string) {
	c.about(peer).WithField("reason", errorType).Debug("request refused")
}

// Connect reports a connect, or a slice of one that goes on failing.
func (c *Ceremony) Connect(o Connect) {
	entry := c.about(o.Peer).WithFields(logrus.Fields{"attempts": o.Attempts, "relayed": o.Relayed, "took": o.Ended.Sub(o.Started)})
	if o.Reason != "" {
		entry = entry.WithField("reason", o.Reason)
	}
	if o.Err != nil {
		entry.WithError(o.Err).Warnf("operator %d is still not reached", o.Peer)
		return
	}
	entry.Debug("stream connected")
}

// Stream is a stream that is open.
type Stream struct {
	c     *Ceremony
	start StreamStart
}

// Stream reports that a stream has been opened. It has to be ended.
func (c *Ceremony) Stream(o StreamStart) *Stream { return &Stream{c: c, start: o} }

// Traceparent is what the first request of an outbound stream carries, in W3C
// form; empty when there is nothing to link to.
func (s *Stream) Traceparent() string { return "" }

// Message counts a request that was answered.
func (s *Stream) Message() {}

// RTT records a round trip of an outbound stream.
func (s *Stream) RTT(time.Duration) {}

// End reports that the stream has ended, once.
func (s *Stream) End(o StreamEnd) {
	role := "client"
	if s.start.Inbound {
		role = "server"
	}
	entry := s.c.about(s.start.Peer).WithFields(logrus.Fields{
		"role": role, "relayed": s.start.Relayed, "took": o.At.Sub(s.start.At), "messages": o.Messages, "end_reason": o.Reason,
	})
	if o.Err != nil {
		entry.WithError(o.Err).Warn("stream ended by an error")
		return
	}
	entry.Debug("stream ended")
}

// Barrier reports a barrier that was passed or that failed.
func (c *Ceremony) Barrier(o Barrier) {
	took := o.Ended.Sub(o.Started)
	entry := c.entry().WithFields(logrus.Fields{"barrier": o.Kind, "step": o.Step, "took": took})
	if o.Name != "" {
		entry = entry.WithField("step_name", o.Name)
	}
	if o.Err != nil {
		entry.WithError(o.Err).Debugf("barrier %s not passed at step %d", o.Kind, o.Step)
		return
	}
	last := c.info.Peers[o.Last]
	entry.WithFields(logrus.Fields{"last": last.Index, "last_name": last.Name}).
		Infof("barrier %s passed at step %d after %s, last was operator %d (%s)", o.Kind, o.Step, took.Round(time.Microsecond), last.Index, last.Name)
}

// Waiting reports a slice of a barrier that still waits.
func (c *Ceremony) Waiting(o Waiting) {
	c.entry().WithFields(logrus.Fields{"barrier": o.Kind, "step": o.Step, "missing": o.Missing, "elapsed": o.Elapsed}).
		Warnf("still waiting after %s: %s", o.Elapsed.Round(time.Second), o.Who)
}

// Step reports the work between two barriers.
func (c *Ceremony) Step(o Step) {
	c.entry().WithFields(logrus.Fields{"step": o.Step, "step_name": o.Name, "took": o.Ended.Sub(o.Started)}).Debug("step done")
}

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
