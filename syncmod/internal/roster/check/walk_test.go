package check_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// walk makes random walks through a configuration that is too large to be explored. A
// single walk ends when nothing more is expected. For each violated property, the type
// keeps the shortest of the walks that violated it, which is not always the shortest
// story.
type walk struct {
	*config
	random   *rand.Rand
	events   int
	outcomes map[string]int
	found    map[string][]event // for each violated property, what led to it
}

// longest is how many events a walk may take.
const longest = 600

// wander walks as often as the configuration says.
func wander(c *config) *walk {
	x := &walk{
		config: c, random: rand.New(rand.NewPCG(c.seed, 0)),
		outcomes: make(map[string]int), found: make(map[string][]event),
	}
	w := emptyWorld(c)
	for range c.walks {
		x.once(w)
	}
	return x
}

// once makes one walk, up to an end.
func (x *walk) once(w *world) {
	*w = world{config: w.config, bench: w.bench, story: w.story}
	for i := range w.size {
		w.nodes[i].state.Members = w.nodes[i].members[:w.size]
	}
	w.start()
	var path, next []event
	patience := x.random.IntN(60) // the number of events before faults begin
	for len(path) < longest {
		next = x.choices(w, next[:0], len(path) < patience)
		if len(next) == 0 {
			outcome, wrong := w.ending()
			x.outcomes[outcome]++
			x.note(wrong, path)
			return
		}
		e := next[x.random.IntN(len(next))]
		path = append(path, e)
		w.do(e)
		x.events++
		if w.wrong == "" {
			w.checkAll()
		}
		if w.wrong != "" {
			x.note(w.wrong, path)
			return
		}
	}
	x.note(fmt.Sprintf("no end after %d events", longest), path)
}

// choices returns the events from which the next one is drawn. Faults are rare, so that
// they have something to disturb.
func (x *walk) choices(w *world, next []event, undisturbed bool) []event {
	all := w.events(nil)
	expected := slices.ContainsFunc(all, event.expected)
	for _, e := range all {
		switch {
		case e.fault() && (undisturbed || !expected):
		case (e.kind == lose || e.kind == finishGoodbyes) && x.random.IntN(20) > 0 && expected:
		case !e.expected() && !expected:
		default:
			next = append(next, e)
		}
	}
	if len(next) == 0 && expected {
		return x.choices(w, next, undisturbed)
	}
	return next
}

func (x *walk) note(what string, path []event) {
	if what == "" {
		return
	}
	if before, ok := x.found[what]; !ok || len(path) < len(before) {
		x.found[what] = slices.Clone(path)
	}
}

// storyOf returns the story of a walk.
func (x *walk) storyOf(what string) string {
	w := emptyWorld(x.config)
	var lines []string
	w.story = func(line string) { lines = append(lines, line) }
	w.start()
	for _, e := range x.found[what] {
		w.do(e)
	}
	return format(x.config, what, lines)
}

// String says how many walks there were and how they ended.
func (x *walk) String() string {
	text := fmt.Sprintf("%d walks from seed %d, %d events", x.walks, x.seed, x.events)
	for _, outcome := range slices.Sorted(maps.Keys(x.outcomes)) {
		text += fmt.Sprintf("\n    %s: %d", outcome, x.outcomes[outcome])
	}
	return text
}
