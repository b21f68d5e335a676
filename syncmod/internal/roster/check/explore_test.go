package check_test

import (
	"fmt"
	"hash/maphash"
	"slices"
)

// explorer visits every world that a configuration leads to, level by level. So what it
// finds first takes the fewest events.
type explorer struct {
	*config
	canonicalizer

	prints  []uint64 // the hash of each state's encoding
	parents []uint32
	table   []uint32 // where the states are, by hash

	out  []uint32 // where each state's expected events lead
	ends []uint32 // for each state, where its events end, as an index of the field out
	over []uint32 // the states in which nothing more is expected

	edges    int
	depth    int
	outcomes map[string]int
	findings []finding

	visit func(w *world, encoded []byte) // is called with every new state
	ended func(w *world)                 // is called with every state in which nothing more is expected
}

// finding is a property that does not hold.
type finding struct {
	what  string
	state uint32
	event event // the event after which the property does not hold; zero if it does not hold in the state itself
	count int
}

const none = ^uint32(0)

var seed = maphash.MakeSeed()

func newExplorer(c *config) *explorer {
	x := &explorer{config: c, outcomes: make(map[string]int)}
	x.resize(1 << 12)
	return x
}

func (x *explorer) print(w *world) uint64 { return maphash.Bytes(seed, x.canonical(w)) }

func (x *explorer) resize(size int) {
	x.table = make([]uint32, size)
	for k := range x.table {
		x.table[k] = none
	}
	for state, fingerprint := range x.prints {
		x.table[x.slot(fingerprint)] = uint32(state)
	}
}

// slot returns the place of a state in the table, or the place where it would be.
func (x *explorer) slot(fingerprint uint64) uint64 {
	mask := uint64(len(x.table) - 1)
	slot := fingerprint & mask
	for x.table[slot] != none && x.prints[x.table[slot]] != fingerprint {
		slot = (slot + 1) & mask
	}
	return slot
}

// insert returns the state with this hash, and whether it is new.
func (x *explorer) insert(fingerprint uint64, parent uint32) (state uint32, fresh bool) {
	slot := x.slot(fingerprint)
	if state := x.table[slot]; state != none {
		return state, false
	}
	state = uint32(len(x.prints))
	x.prints = append(x.prints, fingerprint)
	x.parents = append(x.parents, parent)
	x.table[slot] = state
	if 10*len(x.prints) > 7*len(x.table) {
		x.resize(2 * len(x.table))
	}
	return state, true
}

// level is the encoded states of one depth.
type level struct {
	data   []byte
	ends   []int
	states []uint32
}

func (l *level) add(state uint32, data []byte) {
	l.data = append(l.data, data...)
	l.ends = append(l.ends, len(l.data))
	l.states = append(l.states, state)
}

func (l *level) clear() { l.data, l.ends, l.states = l.data[:0], l.ends[:0], l.states[:0] }

// explore visits all states. It returns false if there are too many.
func (x *explorer) explore() (complete bool) {
	current, next := new(level), new(level)
	w := newWorld(x.config)
	state, _ := x.insert(x.print(w), none)
	current.add(state, x.canonical(w))
	after := emptyWorld(x.config)
	after.bench = w.bench
	var events []event
	for len(current.states) > 0 {
		x.depth++
		next.clear()
		from := 0
		for k, state := range current.states {
			w.decode(current.data[from:current.ends[k]])
			from = current.ends[k]
			events = w.events(events[:0])
			x.expand(w, after, state, events, next)
			if x.states > 0 && len(x.prints) > x.states {
				return false
			}
		}
		current, next = next, current
	}
	return true
}

// expand visits the states that the events of a state lead to.
func (x *explorer) expand(w, after *world, state uint32, events []event, next *level) {
	expected := false
	for _, e := range events {
		after.copyFrom(w)
		after.do(e)
		x.edges++
		if after.wrong != "" {
			x.find(after.wrong, state, e)
		}
		data := x.canonical(after)
		to, fresh := x.insert(maphash.Bytes(seed, data), state)
		if fresh {
			next.add(to, data)
			if x.visit != nil {
				x.visit(after, data)
			}
			if after.checkAll(); after.wrong != "" {
				x.find(after.wrong, state, e)
			}
		}
		if e.expected() && to != state {
			expected = expected || e.kind != heartbeat || w.bringsNews(e.a)
			x.out = append(x.out, to)
		}
	}
	x.ends = append(x.ends, uint32(len(x.out)))
	if expected {
		return
	}
	x.over = append(x.over, state)
	if x.ended != nil {
		x.ended(w)
	}
	outcome, wrong := w.ending()
	x.outcomes[outcome]++
	if wrong != "" {
		x.find(wrong, state, event{})
	}
}

// checkAll checks what must hold in every state.
func (w *world) checkAll() {
	w.checkBounds()
	w.checkServed()
	w.checkEarly()
}

func (x *explorer) find(what string, state uint32, e event) {
	k := slices.IndexFunc(x.findings, func(f finding) bool { return f.what == what })
	if k < 0 {
		x.findings = append(x.findings, finding{what, state, e, 1})
		return
	}
	x.findings[k].count++
}

// checkEndings checks that every state can reach an end without a fault.
func (x *explorer) checkEndings() {
	states := len(x.prints)
	starts := make([]uint32, states+1) // for each state, the index in back where the states that lead to it begin
	for _, to := range x.out {
		starts[to+1]++
	}
	for k := range states {
		starts[k+1] += starts[k]
	}
	back := make([]uint32, len(x.out))
	filled := slices.Clone(starts[:states])
	from := uint32(0)
	for k, to := range x.out {
		for uint32(k) >= x.ends[from] {
			from++
		}
		back[filled[to]] = from
		filled[to]++
	}
	reached := make([]bool, states)
	queue := x.over
	for _, state := range queue {
		reached[state] = true
	}
	for len(queue) > 0 {
		state := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, before := range back[starts[state]:starts[state+1]] {
			if !reached[before] {
				reached[before] = true
				queue = append(queue, before)
			}
		}
	}
	for state, ok := range reached {
		if !ok {
			x.find("there is no way to an end", uint32(state), event{})
		}
	}
}

// search explores a configuration and returns what it found.
func search(c *config) *explorer {
	x := newExplorer(c)
	if x.explore() {
		x.checkEndings()
	} else {
		x.find(fmt.Sprintf("there are more than %d states", c.states), 0, event{})
	}
	return x
}

// String says what was explored and how it ended.
func (x *explorer) String() string {
	text := fmt.Sprintf("exhaustive: %d states, %d events, depth %d", len(x.prints), x.edges, x.depth)
	var outcomes []string
	for outcome, count := range x.outcomes {
		outcomes = append(outcomes, fmt.Sprintf("\n    %s: %d", outcome, count))
	}
	slices.Sort(outcomes)
	for _, outcome := range outcomes {
		text += outcome
	}
	return text
}
