package telemetry_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// table returns the rows of the first table in a section, without its head.
func table(t *testing.T, section string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../telemetry/README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found, section)
	for line := range strings.Lines(rest) {
		switch {
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		case len(rows) > 0:
			return rows[2:]
		}
	}
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

func inQuotes(cell string) []string {
	var list []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		list = append(list, m[1])
	}
	return sorted(list)
}

func keys(list []attribute.KeyValue) (names []string) {
	for _, kv := range list {
		names = append(names, string(kv.Key))
	}
	return names
}

func TestTheReadmeListsTheSpans(t *testing.T) {
	s := newScene(t)
	s.everything()
	emitted := make(map[string][2][]string)
	for _, span := range s.ended() {
		name := attrs(span)["dkgsync.span"].(string)
		require.Regexp(t, "^"+regexp.QuoteMeta(name)+"( .+)?$", span.Name())
		e := emitted[name]
		e[0] = sorted(append(e[0], strings.ToUpper(span.SpanKind().String())))
		e[1] = sorted(append(e[1], keys(span.Attributes())...))
		emitted[name] = e
	}

	listed := make(map[string][2][]string)
	for _, row := range table(t, "Spans") {
		listed[inQuotes(row[0])[0]] = [2][]string{sorted(strings.Split(row[1], ", ")), inQuotes(row[3])}
	}

	require.Equal(t, emitted, listed)
}

var (
	// The tags of a search, as the page or the API takes them.
	searched = regexp.MustCompile(`[{\x60]"?dkgsync\.span"?[=:][^\x60}]+`)
	tags     = regexp.MustCompile(`([a-z_.]+)"?[=:]"?([a-z_.0-9]+)`)
)

func TestTheDocsNameRealSpans(t *testing.T) {
	has := make(map[string][]string)
	for _, row := range table(t, "Spans") {
		has[inQuotes(row[0])[0]] = inQuotes(row[3])
	}
	text, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	searches := searched.FindAllString(string(text), -1)
	require.Greater(t, len(searches), 11, "one for each question")
	for _, search := range searches {
		found := tags.FindAllStringSubmatch(search, -1)
		require.Equal(t, "dkgsync.span", found[0][1], search)
		for _, tag := range found[1:] {
			require.Contains(t, has[found[0][2]], tag[1], search)
		}
		require.Contains(t, has, found[0][2], search)
	}
}

func TestTheReadmeListsTheMetrics(t *testing.T) {
	s := newScene(t)
	s.everything()
	emitted := make(map[string]string)
	for name, m := range s.metrics() {
		instrument, attrs := "", []string{}
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			instrument = "histogram"
			for _, p := range data.DataPoints {
				attrs = append(attrs, keys(p.Attributes.ToSlice())...)
			}
		case metricdata.Sum[int64]:
			instrument = "observable up-down counter"
			if data.IsMonotonic {
				instrument = "counter"
			}
			for _, p := range data.DataPoints {
				attrs = append(attrs, keys(p.Attributes.ToSlice())...)
			}
		case metricdata.Gauge[int64]:
			instrument = "observable gauge"
			for _, p := range data.DataPoints {
				attrs = append(attrs, keys(p.Attributes.ToSlice())...)
			}
		case metricdata.Gauge[float64]:
			instrument = "observable gauge"
			for _, p := range data.DataPoints {
				attrs = append(attrs, keys(p.Attributes.ToSlice())...)
			}
		}
		require.NotEmpty(t, m.Description, name)
		emitted[name] = fmt.Sprint(instrument, " ", m.Unit, " ", sorted(attrs))
	}

	listed := make(map[string]string)
	for _, row := range table(t, "Metrics") {
		listed[inQuotes(row[0])[0]] = fmt.Sprint(row[1], " ", inQuotes(row[2])[0], " ", inQuotes(row[3]))
	}

	require.Equal(t, emitted, listed)
}
