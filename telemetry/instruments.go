package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// These are bucket bounds in seconds. They only advise the SDK: operators who
// prefer exponential histograms set
// OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION.
var (
	// longBuckets reach from a fraction of a millisecond to hours, because a barrier
	// may wait for people.
	longBuckets = []float64{
		100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, .1, .25, .5, 1, 2.5, 5, 10,
		30, 60, 120, 300, 600, 1800, 3600, 7200, 14400,
	}
	// fastBuckets are for round trips.
	fastBuckets = []float64{500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, .1, .25, .5, 1, 2.5, 5, 10}
)

// instruments holds the instruments that record something when it happens, and those
// that are observed when a reader collects metrics.
type instruments struct {
	ceremony, barrier, step, stream, connect, rtt metric.Float64Histogram
	messages, rejections, reconnects              metric.Int64Counter

	streams, connected, missing metric.Int64ObservableUpDownCounter
	stepCurrent, peerStep       metric.Int64ObservableGauge
	attempt, broken             metric.Int64ObservableGauge
	lastSeen, age               metric.Float64ObservableGauge

	// dropped is observable for two reasons: readers see it even while a sink hangs,
	// and the goroutine that causes a drop does not have to call a meter.
	dropped metric.Int64ObservableCounter
}

// newInstruments makes the instruments. It passes each error to handle.
func newInstruments(m metric.Meter, handle func(error)) instruments {
	histogram := func(name, about string, buckets []float64) metric.Float64Histogram {
		return orNothing(m, handle, func(m metric.Meter) (metric.Float64Histogram, error) {
			return m.Float64Histogram(name, metric.WithUnit(unitSeconds), metric.WithDescription(about),
				metric.WithExplicitBucketBoundaries(buckets...))
		})
	}
	counter := func(name, unit, about string) metric.Int64Counter {
		return orNothing(m, handle, func(m metric.Meter) (metric.Int64Counter, error) {
			return m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(about))
		})
	}
	number := func(name, unit, about string) metric.Int64ObservableUpDownCounter {
		return orNothing(m, handle, func(m metric.Meter) (metric.Int64ObservableUpDownCounter, error) {
			return m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(about))
		})
	}
	level := func(name, unit, about string) metric.Int64ObservableGauge {
		return orNothing(m, handle, func(m metric.Meter) (metric.Int64ObservableGauge, error) {
			return m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(about))
		})
	}
	seconds := func(name, about string) metric.Float64ObservableGauge {
		return orNothing(m, handle, func(m metric.Meter) (metric.Float64ObservableGauge, error) {
			return m.Float64ObservableGauge(name, metric.WithUnit(unitSeconds), metric.WithDescription(about))
		})
	}
	total := func(name, unit, about string) metric.Int64ObservableCounter {
		return orNothing(m, handle, func(m metric.Meter) (metric.Int64ObservableCounter, error) {
			return m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(about))
		})
	}
	return instruments{
		ceremony: histogram(metricCeremonyDuration, "How long ceremonies took.", longBuckets),
		barrier:  histogram(metricBarrierDuration, "How long this node waited at barriers.", longBuckets),
		step:     histogram(metricStepDuration, "How long this node worked between two barriers.", longBuckets),
		stream:   histogram(metricStreamDuration, "How long streams lasted.", longBuckets),
		connect:  histogram(metricConnectDuration, "How long it took until a member answered.", longBuckets),
		rtt:      histogram(metricRTT, "Round trip of a request to a member.", fastBuckets),

		messages:   counter(metricMessages, unitMessages, "Requests that were answered."),
		rejections: counter(metricRejections, unitRequests, "Requests and streams that this node refused."),
		reconnects: counter(metricReconnects, unitReconnects, "Streams that were replaced."),

		streams:   number(metricStreams, unitStreams, "Open streams."),
		connected: number(metricPeerConnected, unitOne, "Directions in which a member is connected."),
		missing: number(metricBarrierMissing, unitPeers, "Members that the current barrier is waiting for, "+
			"if any."),
		stepCurrent: level(metricStepCurrent, unitSteps, "The step that this node has announced."),
		peerStep:    level(metricPeerStep, unitSteps, "The step that a member has announced."),
		lastSeen:    seconds(metricPeerLastSeen, "When the last message of a member arrived, as Unix time."),
		age:         seconds(metricBarrierAge, "How long the current barrier has waited, if any."),

		attempt: level(metricAttempt, unitAttempts, "Number of the current attempt, from 1."),
		broken:  level(metricLinksBroken, unitPairs, "Pairs of members that cannot reach each other."),

		dropped: total(metricReportsDropped, unitReports, "Reports that were lost because a sink was too slow."),
	}
}

func (i *instruments) observables() []metric.Observable {
	return []metric.Observable{
		i.streams, i.connected, i.missing, i.stepCurrent, i.peerStep, i.lastSeen, i.age, i.attempt, i.broken, i.dropped,
	}
}

// orNothing makes an instrument. If the meter cannot make it, orNothing returns one
// that records nothing: missing telemetry must not fail a ceremony.
func orNothing[T any](m metric.Meter, handle func(error), instrument func(metric.Meter) (T, error)) T {
	made, err := instrument(m)
	if err != nil {
		handle(err)
		made, _ = instrument(noop.Meter{})
	}
	return made
}

// adding builds an attribute set and returns it as options for a counter.
func adding(attrs ...attribute.KeyValue) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

// recording builds an attribute set and returns it as options for a histogram.
func recording(attrs ...attribute.KeyValue) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

// failing adds the type of an error, if there is one.
func failing(errorType string, attrs ...attribute.KeyValue) []attribute.KeyValue {
	if errorType != "" {
		attrs = append(attrs, keyErrorType.String(errorType))
	}
	return attrs
}
