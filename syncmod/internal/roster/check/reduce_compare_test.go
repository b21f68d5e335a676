package check_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// views is what can be seen of the nodes in all states of a search: how each node may
// stand, and how everything may end. Reductions must not remove any of it.
type views map[string]bool

func viewsOf(t *testing.T, c *config) views {
	t.Helper()
	v := make(views)
	x := newExplorer(c)
	x.visit = func(w *world, _ []byte) {
		for i := range w.size {
			v[w.view(i)] = true
		}
	}
	x.ended = func(w *world) {
		var all []string
		for i := range w.size {
			all = append(all, w.view(i))
		}
		slices.Sort(all)
		v[fmt.Sprint("end: ", all)] = true
	}
	require.True(t, x.explore())
	x.checkEndings()
	for _, f := range x.findings {
		v[f.what] = true
	}
	t.Logf("%v, without %v: %d states", c, c.off, len(x.prints))
	return v
}

// view returns what can be seen of a node.
func (w *world) view(i int) string {
	n := &w.nodes[i]
	s := &n.state
	view := fmt.Sprintf("phase %d, step %d, process %d", s.Phase, s.Step, n.process)
	if s.Failure == nil {
		return fmt.Sprintf("%s, passed %d", view, s.Passed)
	}
	who := func(j int) string {
		switch j {
		case i:
			return "itself"
		case -1:
			return "nobody"
		}
		return "another"
	}
	f := s.Failure
	return fmt.Sprintf("%s, %v about %s by %s", view, f.Kind, who(f.Culprit), who(f.By))
}

func TestReductionsHideNothing(t *testing.T) {
	for _, c := range []config{
		{name: "losses", size: 2, last: 2, losses: 1},
		{name: "migration", size: 2, last: 1, migrations: 1},
		{name: "restart", size: 2, last: 2, restarts: 1, restartAt: steps{0, 2}},
		{name: "abort", size: 2, last: 2, aborts: 1, abortAt: steps{0, 2}},
		{name: "foreign", size: 2, last: 1, losses: 1, foreign: nodes(0)},
		{name: "late", size: 2, last: 1, late: nodes(1)},
		{name: "crash", size: 2, last: 2, crashes: 1, crashAt: steps{0, 2}},
		{name: "next attempt", size: 2, last: 1, aborts: 1, attempts: 1},
		{name: "begin again", size: 2, last: 1, aborts: 2, attempts: 2, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if raced && (c.restarts > 0 || c.again) {
				t.Skip("it takes too long with the race detector")
			}
			t.Parallel()
			reduced := viewsOf(t, &c)
			for off := eagerOpening; off <= symmetry; off <<= 1 {
				without := c
				without.off = off
				require.Equal(t, viewsOf(t, &without), reduced, "without %v", off)
			}
		})
	}
}
