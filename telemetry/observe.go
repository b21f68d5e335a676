package telemetry

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// observing is an attribute set that is built once.
func observing(attrs ...attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

// observe lets a ceremony be observed. The callback is registered while there is
// any.
func (t *Telemetry) observe(c *Ceremony) {
	t.registering.Lock() // not mu: a meter holds a lock of its own while it calls back
	defer t.registering.Unlock()
	if c.closed {
		return // while it was being opened
	}
	t.mu.Lock()
	t.ceremonies = append(t.ceremonies, c)
	t.mu.Unlock()
	if t.callback != nil {
		return
	}
	callback, err := t.meter.RegisterCallback(t.collect, t.instruments.observables()...)
	if err != nil {
		otel.Handle(err)
		return
	}
	t.callback = callback
}

// forget ends the observation of a ceremony.
func (t *Telemetry) forget(c *Ceremony) {
	t.registering.Lock()
	defer t.registering.Unlock()
	c.closed = true
	t.mu.Lock()
	t.ceremonies = slices.DeleteFunc(t.ceremonies, func(other *Ceremony) bool { return other == c })
	none := len(t.ceremonies) == 0
	t.mu.Unlock()
	if !none || t.callback == nil {
		return
	}
	if err := t.callback.Unregister(); err != nil {
		otel.Handle(err)
	}
	t.callback = nil
}

// collect observes every ceremony that is open. Where several are, numbers add
// up, and of levels those of the ceremony that was opened last are seen, of
// barriers the oldest: nothing that would tell ceremonies apart is bounded.
func (t *Telemetry) collect(_ context.Context, o metric.Observer) error {
	t.mu.Lock()
	ceremonies := slices.Clone(t.ceremonies)
	t.mu.Unlock()
	now := time.Now()
	ages := make(map[string]time.Duration, len(ceremonies))
	for _, c := range ceremonies {
		s := c.snapshot()
		c.observe(o, s)
		if w := s.Waiting; w != nil {
			ages[w.Kind] = max(ages[w.Kind], now.Sub(w.Since))
		}
	}
	for kind, age := range ages {
		o.ObserveFloat64(t.instruments.age, age.Seconds(), observing(keyBarrierKind.String(kind))...)
	}
	return nil
}

func (c *Ceremony) observe(o metric.Observer, s Snapshot) {
	i := &c.t.instruments
	for role := range c.open {
		o.ObserveInt64(i.streams, c.open[role].Load(), c.t.roles[role]...)
	}
	o.ObserveInt64(i.stepCurrent, s.Step)
	for index, p := range s.Peers {
		if index == c.info.Index {
			continue
		}
		options := &c.peers[index]
		o.ObserveInt64(i.connected, number(p.Inbound), options.inbound...)
		o.ObserveInt64(i.connected, number(p.Outbound), options.outbound...)
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

func number(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

func unixSeconds(t time.Time) float64 {
	return time.Duration(t.UnixNano()).Seconds()
}
