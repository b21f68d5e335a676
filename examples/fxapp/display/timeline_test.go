package display

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// spanAt returns a span with times in milliseconds.
func spanAt(name string, from, to int, attrs ...attribute.KeyValue) sdktrace.ReadOnlySpan {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	return tracetest.SpanStub{
		Name:       "dkgsync." + name,
		StartTime:  at(from),
		EndTime:    at(to),
		Attributes: append(attrs, attribute.String("dkgsync.span", "dkgsync."+name)),
	}.Snapshot()
}

func barrierAt(kind string, step, from, to, last int) sdktrace.ReadOnlySpan {
	return spanAt("barrier", from, to,
		attribute.String("dkgsync.barrier.kind", kind),
		attribute.Int("dkgsync.step", step),
		attribute.Int("dkgsync.barrier.last_peer", last))
}

func failedAt(step, from, to int) sdktrace.ReadOnlySpan {
	return spanAt("barrier", from, to,
		attribute.String("dkgsync.barrier.kind", "step"),
		attribute.Int("dkgsync.step", step),
		attribute.String("error.type", "peer_left"))
}

func failureAt(from, to int) sdktrace.ReadOnlySpan {
	return spanAt("ceremony", from, to, attribute.String("dkgsync.outcome", "failed"))
}

func TestTimelineShowsWhoWasLast(t *testing.T) {
	t.Parallel()
	line := newTimeline([]string{"alice", "bob", "carol"}, [][]sdktrace.ReadOnlySpan{
		{
			barrierAt("connected", 0, 0, 100, 2),
			spanAt("step", 100, 200),
			barrierAt("step", 2, 200, 350, 1),
			spanAt("step", 350, 400),
			failedAt(3, 400, 500),
			failureAt(0, 500),
		},
		{
			barrierAt("connected", 0, 0, 100, 2),
			spanAt("step", 100, 350),
			barrierAt("step", 2, 350, 350, 1),
			spanAt("step", 350, 450),
			failedAt(3, 450, 500),
			failureAt(0, 500),
		},
		{
			barrierAt("connected", 0, 50, 100, 2),
			spanAt("step", 100, 150),
			barrierAt("step", 2, 150, 350, 1),
			spanAt("step", 350, 400),
			failureAt(50, 400),
		},
	})
	require.Equal(t, strings.TrimPrefix(`
                                              2
  0 alice  ░░░░░░░░░░│█████████░░░░░░░░░░░░░░░│████░░░░░░░░░×
  1 bob    ░░░░░░░░░░│████████████████████████◆█████████░░░░× last 1×
  2 carol       ░░░░░◆████░░░░░░░░░░░░░░░░░░░░│████×
           0                                           500 ms
           █ work  ░ waiting  │ barrier passed  ◆ last to arrive  × ended here
`, "\n"), line.draw(70, false))
}

func TestABarrierOfAStepDecidesTheMark(t *testing.T) {
	t.Parallel()
	line := newTimeline([]string{"alice", "bob"}, [][]sdktrace.ReadOnlySpan{
		{barrierAt("connected", 0, 0, 100, 1), barrierAt("step", 1, 101, 101, 0), spanAt("step", 101, 500)},
		{barrierAt("connected", 0, 0, 100, 1), barrierAt("step", 1, 100, 101, 0), spanAt("step", 101, 500)},
	})
	drawn := line.draw(70, false)
	require.Regexp(t, `0 alice .*◆.* last 1×`, drawn, "a mark for each step at which a node was last")
	require.NotRegexp(t, `1 bob .*◆`, drawn, "the longer wait for the connections shares the column")
}

func TestTimelineOfManyNodes(t *testing.T) {
	t.Parallel()
	var names []string
	var spans [][]sdktrace.ReadOnlySpan
	for i := range 20 {
		names = append(names, fmt.Sprintf("member-%d", i))
		spans = append(spans, []sdktrace.ReadOnlySpan{spanAt("step", 0, 10*i), barrierAt("step", 2, 10*i, 200, 19)})
	}
	line := newTimeline(names, spans)
	drawn := line.draw(100, false)
	require.NotContains(t, drawn, "11 member-11")
	require.Regexp(t, `\n  12 member-12 +█+░+│\n`, drawn)
	require.Regexp(t, `\n  19 member-19 +█+░+◆ last 1×\n`, drawn)
	require.Contains(t, drawn, "the 8 of 20 nodes that waited least")
}

func TestGlyphsInColour(t *testing.T) {
	t.Parallel()
	require.Equal(t, "██ ×", paint([]rune("██ ×"), false))
	require.Equal(t, "\x1b[32m██\x1b[0m \x1b[31;1m×\x1b[0m", paint([]rune("██ ×"), true))
}
