package telemetry

import (
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
)

// Member reports that the state of a member has changed.
func (c *Ceremony) Member(e report.Member) {
	c.remember(e)
	c.queue(normal, "a change of a member", func() {
		entry := c.about(c.rooted, e.Peer, e.At).WithField("connected", e.Connected)
		if e.Err != nil {
			entry = entry.WithError(e.Err)
		}
		if e.What == report.MemberGoodbye {
			entry.Infof("%s %s", c.who(e.Peer), e.What)
			return
		}
		level := logrus.InfoLevel
		switch e.What {
		case report.MemberLost, report.MemberKeyInUse:
			level = logrus.WarnLevel
		}
		entry.Logf(c.level(e.Peer, level, e.At),
			"%s %s (%d of %d connected)", c.who(e.Peer), e.What, e.Connected, len(c.info.Peers))
	})
}

// remember notes for the reports of barriers when a member arrived or left. It notes
// this at once, not in the queue: if a report is dropped, later reports are still
// complete.
func (c *Ceremony) remember(e report.Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.What {
	case report.MemberConnected:
		c.arrived[e.Peer] = e.At
	case report.MemberLost, report.MemberReplaced:
		c.arrived[e.Peer] = time.Time{}
	case report.MemberGoodbye:
		c.left[e.Peer] = e.At
	}
}

// Rejected reports that the protocol's rules refused or dropped a request.
func (c *Ceremony) Rejected(peer int, at time.Time, errorType string) {
	c.queue(detail, "a refused request", func() {
		c.t.rejected(c.rooted, errorType)
		c.about(c.rooted, peer, at).WithField("reason", errorType).Debug("request refused")
	})
}

// Foreign reports that a member asked for a definition that is not open here.
func (c *Ceremony) Foreign(peer int, at time.Time, asked, here string) {
	c.queue(normal, "a member with another definition", func() {
		c.t.rejected(c.rooted, report.TypeBadSignature)
		c.about(c.rooted, peer, at).
			Logf(c.level(peer, logrus.WarnLevel, at),
				"%s asks for %s, but at this node that operator is a member of %s: "+
					"all members need the same definition file",
				c.who(peer), asked, here)
	})
}

// Connect reports how the attempts to connect to a member ended. While they keep
// failing, each report is about the time since the previous report. The first is
// about the time since the attempts began.
func (c *Ceremony) Connect(o report.Connect) {
	c.queue(normal, "a connect", func() {
		s := span{
			name: spanConnect, kind: trace.SpanKindClient,
			started: o.Started, ended: o.Ended, err: o.Err, errType: o.Type,
			attrs: c.peer(o.Peer, keyAttempts.Int(o.Attempts), keyRelayed.Bool(o.Relayed)),
		}
		var reason []attribute.KeyValue
		if o.Reason != "" {
			s.name = spanReconnect
			reason = append(reason, keyConnectReason.String(o.Reason))
			s.attrs = append(s.attrs, reason...)
		}
		if o.Lost != nil {
			s.link = o.Lost.SpanContext()
		}
		ctx := c.record(s)
		since := o.Started
		if !o.Since.IsZero() {
			since = o.Since
		}
		counted := since
		if o.Err != nil {
			counted = o.Started // each slice of a failing connect counts on its own
		}
		c.t.to().connect.Record(ctx, o.Ended.Sub(counted).Seconds(), recording(failing(o.Type, reason...)...)...)
		if o.Err == nil && o.Reason != "" {
			if c.large() {
				reason = nil
			}
			c.t.to().reconnects.Add(ctx, 1, adding(append(reason, keyPeerIndex.Int(o.Peer))...)...)
		}
		c.logConnect(c.about(ctx, o.Peer, o.Ended), o, o.Ended.Sub(since))
	})
}

func (c *Ceremony) logConnect(entry *logrus.Entry, o report.Connect, lasted time.Duration) {
	entry = entry.WithFields(logrus.Fields{"attempts": o.Attempts, "relayed": o.Relayed, "took": took(lasted)})
	if o.Reason != "" {
		entry = entry.WithField("reason", o.Reason)
	}
	switch {
	case o.Over:
		entry.WithError(o.Err).Debugf("%s was not reached before the ceremony ended", c.who(o.Peer))
	case o.Err != nil:
		level := logrus.WarnLevel
		if o.Again {
			level = logrus.DebugLevel
		}
		entry.WithError(o.Err).Logf(level, "%s still unreachable after %s", c.who(o.Peer), lasted.Round(time.Second))
	default:
		entry.Debug("stream connected")
	}
}
