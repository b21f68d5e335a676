package telemetry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"

	"github.com/dkgsync/dkgsync/internal/report"
)

// Barrier reports that a barrier was passed or failed.
func (c *Ceremony) Barrier(o report.Barrier) {
	arrivals := c.arrivals(o)
	c.queue(progress, "a barrier", func() {
		lasted := o.Ended.Sub(o.Started)
		kind := keyBarrierKind.String(o.Kind)
		s := span{
			name: spanBarrier, about: barrierAbout(o.Kind, o.Name, o.Step),
			started: o.Started, ended: o.Ended, err: o.Err, errType: o.Type,
			attrs:  named(o.Name, kind, keyStep.Int64(o.Step)),
			events: func() []event { return c.arrivalEvents(o, arrivals) },
		}
		if o.Err == nil {
			s.attrs = append(s.attrs, keyLastPeer.Int(o.Last))
		}
		if o.Result != "" {
			s.attrs = append(s.attrs, keyResult.String(o.Result))
		}
		ctx := c.record(s)
		c.t.to().barrier.Record(ctx, lasted.Seconds(), recording(failing(o.Type, kind)...)...)
		c.logBarrier(ctx, o, lasted)
	})
}

func (c *Ceremony) logBarrier(ctx context.Context, o report.Barrier, lasted time.Duration) {
	level := logrus.InfoLevel
	if o.Err != nil {
		level = logrus.DebugLevel
	}
	if !c.t.Log().IsLevelEnabled(level) {
		return
	}
	entry := c.entry(ctx, o.Ended).WithFields(logrus.Fields{"barrier": o.Kind, "step": o.Step, "took": took(lasted)})
	if o.Name != "" {
		entry = entry.WithField("step_name", o.Name)
	}
	if o.Err != nil {
		entry.WithError(o.Err).Log(level, notCrossed(o))
		return
	}
	entry.WithFields(logrus.Fields{"last": o.Last, "last_name": c.info.Peers[o.Last].Name}).
		Logf(level, "%s; %s was last%s", crossed(o), c.who(o.Last), behind(o))
	if o.Attested != "" {
		c.entry(ctx, o.Ended).WithFields(logrus.Fields{"step": o.Step, "result": o.Result}).Log(level, o.Attested)
	}
}

// crossed says what it means that a barrier is passed. Members announce a step when they
// have finished the one before it.
func crossed(o report.Barrier) string {
	switch {
	case o.Kind == report.BarrierConnected:
		return "this node is connected to everyone"
	case o.Kind == report.BarrierShutdown:
		return "everyone has said goodbye"
	case o.Step == 1:
		return "everyone is ready to begin step 1" + inBrackets(o.Name)
	}
	return fmt.Sprintf("everyone has finished step %d%s", o.Step-1, inBrackets(o.Before))
}

// notCrossed says what it means that a barrier has failed.
func notCrossed(o report.Barrier) string {
	if o.Kind == report.BarrierConnected {
		return "this node is not connected to everyone"
	}
	return "not " + crossed(o)
}

func inBrackets(name string) string {
	if name = shown(name); name == "" {
		return ""
	}
	return " (" + name + ")"
}

// behind says how much later the last member arrived than the one before it. It is
// empty if that is less than a millisecond.
func behind(o report.Barrier) string {
	if d := report.Behind(o.Arrivals); d >= time.Millisecond {
		return ", by " + report.Spell(d)
	}
	return ""
}

// arrivals returns when each member arrived at a barrier, as far as is known when the
// barrier is reported.
func (c *Ceremony) arrivals(o report.Barrier) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o.Kind {
	case report.BarrierConnected:
		return slices.Clone(c.arrived)
	case report.BarrierShutdown:
		return slices.Clone(c.left)
	}
	return o.Arrivals
}

// arrivalEvents returns the events of a barrier's span, one for each other member
// that arrived. A member that arrived before this node counts as arriving with this node.
// The events are sorted by time, because a span with too many events keeps the last
// ones.
func (c *Ceremony) arrivalEvents(o report.Barrier, arrivals []time.Time) []event {
	events := make([]event, 0, len(arrivals))
	for i, at := range arrivals {
		if at.IsZero() && o.Err == nil && i == o.Last {
			at = o.Ended // its arrival ended the barrier
		}
		if i == c.info.Index || at.IsZero() || at.After(o.Ended) {
			continue
		}
		if at.Before(o.Started) {
			at = o.Started
		}
		events = append(events, event{at: at, attrs: []attribute.KeyValue{keyPeerIndex.Int(i)}})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}

// WaitReport reports one slice of a wait at a barrier while the wait goes on.
func (c *Ceremony) WaitReport(o report.WaitReport) {
	c.queue(normal, "a barrier that waits", func() {
		attrs := named(o.Name, keyBarrierKind.String(o.Kind), keyStep.Int64(o.Step),
			keyMissing.IntSlice(o.Missing), keyElapsed.Float64(o.Elapsed.Seconds()))
		fields := logrus.Fields{"barrier": o.Kind, "step": o.Step, "missing": o.Missing, "elapsed": took(o.Elapsed)}
		if len(o.Broken) > 0 {
			attrs = append(attrs, keyBroken.StringSlice(o.Broken))
			fields["links_broken"] = o.Broken
		}
		ctx := c.record(span{
			name: spanWaiting, about: barrierAbout(o.Kind, o.Name, o.Step),
			started: o.Started, ended: o.Ended, attrs: attrs,
		})
		c.entry(ctx, o.Ended).WithFields(fields).
			Warnf("still waiting after %s: %s", o.Elapsed.Round(time.Second), o.Who)
	})
}

// Step reports the work between two barriers.
func (c *Ceremony) Step(o report.Step) {
	c.queue(normal, "a step", func() {
		lasted := o.Ended.Sub(o.Started)
		ctx := c.record(span{
			name: spanStep, about: stepAbout(o.Name, o.Step),
			started: o.Started, ended: o.Ended, attrs: named(o.Name, keyStep.Int64(o.Step)),
		})
		c.t.to().step.Record(ctx, lasted.Seconds())
		if c.t.Log().IsLevelEnabled(logrus.DebugLevel) {
			c.entry(ctx, o.Ended).
				WithFields(logrus.Fields{"step": o.Step, "step_name": o.Name, "took": took(lasted)}).
				Debug("step done")
		}
	})
}

// named adds the name of the step, if the step has one.
func named(step string, attrs ...attribute.KeyValue) []attribute.KeyValue {
	if step = shown(step); step != "" {
		attrs = append(attrs, keyStepName.String(step))
	}
	return attrs
}
