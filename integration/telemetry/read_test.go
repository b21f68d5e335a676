package telemetry_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// attrs returns the attributes of a span by name.
func attrs(span sdktrace.ReadOnlySpan) map[string]any {
	m := make(map[string]any)
	for _, kv := range span.Attributes() {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// spanIDs names each span and its ID.
func spanIDs[S sdktrace.ReadOnlySpan](spans []S) []string {
	ids := make([]string, len(spans))
	for i, s := range spans {
		ids[i] = s.Name() + " " + s.SpanContext().SpanID().String()
	}
	return ids
}

// sums returns the values of a sum by the value of its only attribute.
func sums(t *testing.T, m metricdata.Metrics) map[string]int64 {
	t.Helper()
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%s is a %T", m.Name, m.Data)
	values := make(map[string]int64)
	for _, p := range data.DataPoints {
		list := p.Attributes.ToSlice()
		require.Len(t, list, 1)
		values[list[0].Value.String()] = p.Value
	}
	return values
}
