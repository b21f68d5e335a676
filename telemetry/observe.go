package telemetry

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/dkgsync/dkgsync/internal/report"
)

// observing builds an attribute set and returns it as options for a callback.
func observing(attrs ...attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

// observe lets readers observe a ceremony.
func (t *Telemetry) observe(c *Ceremony) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.closed {
		return // it was closed while it was being opened
	}
	t.ceremonies = append(t.ceremonies, c)
	t.reporter.push(vital, "the registration of metrics", t.register)
}

// forget makes readers stop observing a ceremony.
func (t *Telemetry) forget(c *Ceremony) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.closed = true
	t.ceremonies = slices.DeleteFunc(t.ceremonies, func(other *Ceremony) bool { return other == c })
	t.reporter.push(vital, "the registration of metrics", t.register)
}

// register registers the callback if a ceremony is open, and unregisters it
// otherwise. It runs on the reporter's goroutine. It depends only on the current
// state, so earlier calls may be lost.
func (t *Telemetry) register() {
	t.mu.Lock()
	wanted := len(t.ceremonies) > 0
	t.mu.Unlock()
	to := t.to()
	if t.callback != nil && (!wanted || t.registered != to) {
		callback := t.callback
		t.callback = nil
		if err := callback.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
	if wanted && t.callback == nil {
		observe := func(_ context.Context, o metric.Observer) error { return t.collect(to, o) }
		callback, err := to.meter.RegisterCallback(observe, to.observables()...)
		if err != nil {
			otel.Handle(err)
			return
		}
		t.callback, t.registered = callback, to
	}
}

// collect observes the open ceremonies. If several are open, counts are summed, gauges
// show the most recently opened ceremony, and barrier.age shows the oldest barrier. No
// attribute tells ceremonies apart, because it could have any number of values.
func (t *Telemetry) collect(to *recorders, o metric.Observer) error {
	t.mu.Lock()
	ceremonies := slices.Clone(t.ceremonies)
	t.mu.Unlock()
	now := time.Now()
	broken := 0
	ages := make(map[string]time.Duration, len(ceremonies))
	for _, c := range ceremonies {
		s := c.snapshot()
		c.observe(to, o, s)
		broken += s.Broken
		if w := s.Waiting; w != nil {
			ages[w.Kind] = max(ages[w.Kind], now.Sub(w.Since))
		}
	}
	for kind, age := range ages {
		o.ObserveFloat64(to.age, age.Seconds(), observing(keyBarrierKind.String(kind))...)
	}
	o.ObserveInt64(to.broken, int64(broken))
	o.ObserveInt64(to.dropped, t.reporter.dropped.Load())
	return nil
}

func (c *Ceremony) observe(i *recorders, o metric.Observer, s report.Snapshot) {
	for role := range c.open {
		o.ObserveInt64(i.streams, c.open[role].Load(), c.t.roles[role]...)
	}
	o.ObserveInt64(i.stepCurrent, s.Step)
	o.ObserveInt64(i.attempt, int64(c.info.Attempt))
	for index, p := range s.Peers {
		if index == c.info.Index {
			continue
		}
		options := &c.peers[index]
		if c.large() {
			o.ObserveInt64(i.connected, oneIf(p.Inbound)+oneIf(p.Outbound), options.index...)
		} else {
			o.ObserveInt64(i.connected, oneIf(p.Inbound), options.inbound...)
			o.ObserveInt64(i.connected, oneIf(p.Outbound), options.outbound...)
		}
		if p.Step >= 0 {
			o.ObserveInt64(i.peerStep, p.Step, options.index...)
		}
		if !p.LastSeen.IsZero() {
			o.ObserveFloat64(i.lastSeen, unixSeconds(p.LastSeen), options.index...)
		}
	}
	if w := s.Waiting; w != nil {
		o.ObserveInt64(i.missing, int64(w.Missing), observing(keyBarrierKind.String(w.Kind))...)
	}
}

func oneIf(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

func unixSeconds(t time.Time) float64 {
	return time.Duration(t.UnixNano()).Seconds()
}
