package display

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	manyNodes   = 16 // with more nodes, only the slowest are drawn
	slowNodes   = 8  // how many nodes are then drawn: those that the others waited for
	manyCrossed = 23 // with more barriers, so with more than 20 steps, no barrier is marked
)

// The glyphs of a row. Each column has one.
const (
	working   = '█'
	waiting   = '░'
	passed    = '│'
	lastThere = '◆'
	notPassed = '×'
)

// timeline is a ceremony according to the spans of its nodes. All nodes here share one
// clock. On several machines, times would be comparable only within one node's spans.
type timeline struct {
	traceID    trace.TraceID
	begin, end time.Time
	tracks     []track // by operator index
	barriers   []crossing
}

// track is what one node did.
type track struct {
	name    string
	parts   []part
	stopped []time.Time // when it failed or was stopped
	waited  time.Duration
	last    int // the number of steps at which it arrived last
}

// part is a span of work, or of waiting at a barrier.
type part struct {
	from, to time.Time
	glyph    rune
}

// crossing is a barrier according to all nodes.
type crossing struct {
	kind            string
	step            int64
	first, released time.Time         // when the first node arrived, and when the last one had passed
	arrived         map[int]time.Time // by operator index
	passed          []int             // operator indexes
	says            map[int]int       // for each node, how many nodes say that it was the last
	last            int
}

// newTimeline reads the spans of all nodes. spans is in operator order.
func newTimeline(names []string, spans [][]sdktrace.ReadOnlySpan) timeline {
	t := timeline{tracks: make([]track, len(names))}
	for i, name := range names {
		t.tracks[i].name = fmt.Sprintf("%d %s", i, name)
		for _, span := range spans[i] {
			t.read(i, span)
		}
	}
	t.barriers = slices.DeleteFunc(t.barriers, func(b crossing) bool { return len(b.passed) == 0 })
	slices.SortStableFunc(t.barriers, func(a, b crossing) int { return a.released.Compare(b.released) })
	for i := range t.barriers {
		b := &t.barriers[i]
		b.last = b.lastToArrive(len(t.tracks))
		if b.kind == "step" {
			t.tracks[b.last].last++
		}
	}
	return t
}

// lastToArrive returns the node that arrived last. At a step, it is the node whose span
// began last, because the nodes share one clock. At other barriers all nodes wait from
// the start, so only the nodes' spans say who was last.
func (b *crossing) lastToArrive(nodes int) int {
	last := 0
	for node := range nodes {
		later := b.says[node] > b.says[last]
		if b.kind == "step" {
			later = b.arrived[node].After(b.arrived[last])
		}
		if later {
			last = node
		}
	}
	return last
}

func (t *timeline) read(node int, span sdktrace.ReadOnlySpan) {
	n := &t.tracks[node]
	is := make(map[attribute.Key]attribute.Value)
	for _, kv := range span.Attributes() {
		is[kv.Key] = kv.Value
	}
	from, to := span.StartTime(), span.EndTime()
	switch is["dkgsync.span"].AsString() {
	case "dkgsync.ceremony":
		if is["dkgsync.outcome"].AsString() != "complete" {
			n.stopped = append(n.stopped, to)
		}
	case "dkgsync.step":
		n.parts = append(n.parts, part{from, to, working})
	case "dkgsync.barrier":
		n.parts = append(n.parts, part{from, to, waiting})
		kind := is["dkgsync.barrier.kind"].AsString()
		if kind == "step" {
			n.waited += to.Sub(from)
		}
		b := t.crossing(kind, is["dkgsync.step"].AsInt64())
		b.arrived[node] = from
		if b.first.IsZero() || from.Before(b.first) {
			b.first = from
		}
		if _, failed := is["error.type"]; failed {
			n.stopped = append(n.stopped, to)
			break
		}
		if to.After(b.released) {
			b.released = to
		}
		b.passed = append(b.passed, node)
		b.says[int(is["dkgsync.barrier.last_peer"].AsInt64())]++
	default:
		return
	}
	t.traceID = span.SpanContext().TraceID()
	if t.begin.IsZero() || from.Before(t.begin) {
		t.begin = from
	}
	if to.After(t.end) {
		t.end = to
	}
}

// crossing returns the barrier of a kind and a step. If it is not in the list yet, crossing adds it.
func (t *timeline) crossing(kind string, step int64) *crossing {
	same := func(b crossing) bool { return b.kind == kind && (b.step == step || kind != "step") }
	at := slices.IndexFunc(t.barriers, same)
	if at < 0 {
		at = len(t.barriers)
		t.barriers = append(t.barriers, crossing{
			kind:    kind,
			step:    step,
			arrived: make(map[int]time.Time),
			says:    make(map[int]int),
		})
	}
	return &t.barriers[at]
}

// draw draws the timeline with a row for each node. The result is empty if there are no spans.
func (t *timeline) draw(width int, coloured bool) string {
	if t.end.IsZero() {
		return ""
	}
	shown, note := t.shown()
	label := 0
	for _, i := range shown {
		label = max(label, len([]rune(t.tracks[i].name)))
	}
	axis := max(width-label-len("    last 99×"), 2*manyCrossed)
	rows := t.rows(axis)
	var out strings.Builder
	line := func(name, row, more string) {
		_, _ = fmt.Fprintln(&out, strings.TrimRight(fmt.Sprintf("  %-*s  %s%s", label, name, row, more), " "))
	}
	line("", string(t.numbers(axis)), "")
	for _, i := range shown {
		last := ""
		if times := t.tracks[i].last; times > 0 {
			last = fmt.Sprintf(" last %d×", times)
		}
		line(t.tracks[i].name, paint(rows[i], coloured), last)
	}
	end := brief(t.end.Sub(t.begin))
	line("", "0"+strings.Repeat(" ", axis-1-len(end))+end, "")
	line("", t.legend(coloured), "")
	if note != "" {
		line("", note, "")
	}
	return out.String()
}

// shown returns the nodes that have a row. With many nodes, these are the ones for
// which the others waited.
func (t *timeline) shown() (nodes []int, note string) {
	for i := range t.tracks {
		nodes = append(nodes, i)
	}
	if len(nodes) <= manyNodes {
		return nodes, ""
	}
	slices.SortStableFunc(nodes, func(a, b int) int { return cmp.Compare(t.tracks[a].waited, t.tracks[b].waited) })
	nodes = nodes[:slowNodes]
	slices.Sort(nodes)
	return nodes, fmt.Sprintf("the %d of %d nodes that waited least: the others waited for them",
		slowNodes, len(t.tracks))
}

// column returns the column of a time on the axis.
func (t *timeline) column(at time.Time, axis int) int {
	span := max(t.end.Sub(t.begin), 1)
	return min(int(float64(at.Sub(t.begin))/float64(span)*float64(axis)), axis-1)
}

// rows draws all nodes.
func (t *timeline) rows(axis int) [][]rune {
	rows := make([][]rune, len(t.tracks))
	for i, n := range t.tracks {
		rows[i] = t.prevailing(n, axis)
	}
	t.mark(rows, axis)
	for i, n := range t.tracks {
		for _, at := range n.stopped {
			rows[i][t.column(at, axis)] = notPassed
		}
	}
	return rows
}

// prevailing returns for each column what the node did during most of that time.
func (t *timeline) prevailing(n track, axis int) []rune {
	row := []rune(strings.Repeat(" ", axis))
	longest := make([]time.Duration, axis)
	column := t.end.Sub(t.begin) / time.Duration(axis)
	for _, glyph := range []rune{working, waiting} {
		for at := range row {
			from := t.begin.Add(time.Duration(at) * column)
			var sum time.Duration
			for _, p := range n.parts {
				within := min(p.to.Sub(from), column) - max(p.from.Sub(from), 0)
				if p.glyph == glyph && within > 0 {
					sum += within
				}
			}
			if sum > longest[at] {
				longest[at], row[at] = sum, glyph
			}
		}
	}
	return row
}

// mark marks the barriers and the node that was last at each. If several barriers share
// a column, the mark goes to the node that was last at a barrier of a step, because the
// number at the end of a row counts only barriers of steps. Of several such barriers,
// the one that took longest counts.
func (t *timeline) mark(rows [][]rune, axis int) {
	if len(t.barriers) > manyCrossed {
		return
	}
	longest := make(map[int]crossing)
	for _, b := range t.barriers {
		at := t.column(b.released, axis)
		for _, node := range b.passed {
			rows[node][at] = passed
		}
		if other, ok := longest[at]; !ok || b.outweighs(other) {
			longest[at] = b
		}
	}
	for at, b := range longest {
		rows[b.last][at] = lastThere
	}
}

func (b crossing) outweighs(other crossing) bool {
	if isStep := b.kind == "step"; isStep != (other.kind == "step") {
		return isStep
	}
	return b.released.Sub(b.first) > other.released.Sub(other.first)
}

// numbers returns the step numbers, each above the barrier before its step.
func (t *timeline) numbers(axis int) []rune {
	row := []rune(strings.Repeat(" ", axis))
	free := 0
	for _, b := range t.barriers {
		text := []rune(fmt.Sprint(b.step))
		at := t.column(b.released, axis)
		if b.kind == "step" && at >= free && at+len(text) <= axis {
			copy(row[at:], text)
			free = at + len(text) + 1
		}
	}
	return row
}

func (t *timeline) legend(coloured bool) string {
	text := "█ work  ░ waiting"
	if len(t.barriers) <= manyCrossed {
		text += "  │ barrier passed  ◆ last to arrive"
	}
	if slices.ContainsFunc(t.tracks, func(n track) bool { return len(n.stopped) > 0 }) {
		text += "  × ended here"
	}
	return paint([]rune(text), coloured)
}
