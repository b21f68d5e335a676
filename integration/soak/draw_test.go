package soak

import (
	"math/rand/v2"
	"time"
)

// dice draws a plan.
type dice struct {
	*rand.Rand
	plan plan
}

// draw makes the plan of a seed. It draws the number of members too if members is 0.
func draw(seed uint64, members int) plan {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 0)), plan: plan{seed: seed}}
	d.plan.members = 3 + d.IntN(7)
	d.plan.network = [...]transport{links, links, links, links, links, links, tcp, quic, quic, relay}[d.IntN(10)]
	if d.plan.network == relay { // all must be connected at one moment, and every circuit ends again and again
		d.plan.members = min(d.plan.members, 5)
	}
	if members > 0 {
		d.plan.members = members
	}
	d.plan.strict = d.chance(50) && (d.plan.network == links || d.plan.network == quic) && d.plan.members <= 6
	if d.plan.network == relay {
		d.plan.recycle = d.between(3*time.Second, 8*time.Second)
	}
	for range 1 + d.IntN(3) {
		d.plan.rounds = append(d.plan.rounds, d.round())
	}
	return d.plan
}

// next returns the seed that follows the given seed.
func next(seed uint64) uint64 { return uint64(rand.New(rand.NewPCG(seed, 1)).Uint32()) }

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d *dice) between(low, high time.Duration) time.Duration {
	return (low + time.Duration(d.Int64N(int64(high-low)))).Round(time.Millisecond)
}

func (d *dice) node() int { return d.IntN(d.plan.members) }

func (d *dice) round() round {
	var r round
	before := d.plan.rounds
	if len(before) > 0 {
		r.again = len(before[len(before)-1].ceremonies) == 1 && d.chance(40)
		for i := range d.plan.members {
			if !r.again && d.chance(10) {
				r.anew = append(r.anew, i)
			}
		}
	}
	alone := r.again || d.plan.strict || d.chance(70)
	r.ceremonies = append(r.ceremonies, d.ceremony(alone))
	if !alone {
		r.ceremonies = append(r.ceremonies, d.ceremony(alone))
	}
	return r
}

// ceremony draws a ceremony. Faults of a whole node happen only if the ceremony is
// alone, because they would hit another ceremony too.
func (d *dice) ceremony(alone bool) ceremony {
	c := ceremony{steps: 1 + d.IntN(6)}
	for i := range d.plan.members {
		s := script{
			open:    d.between(0, 50*time.Millisecond),
			connect: d.chance(50),
			calls:   [...]calls{advance, advance, setAwait, setAwait, run, run, again}[d.IntN(7)],
		}
		if d.chance(10) {
			s.open = d.between(300*time.Millisecond, 1500*time.Millisecond)
			c.faults = append(c.faults, fault{kind: late, node: -1, who: []int{i}})
		}
		if s.calls == again {
			c.faults = append(c.faults, fault{kind: hasty, node: -1, who: []int{i}})
		}
		for range c.last() {
			s.pauses = append(s.pauses, d.pause())
		}
		c.nodes = append(c.nodes, s)
	}
	broken := 0
	for range d.IntN(5) {
		f := d.harmless(c)
		if f.kind.breaks() {
			broken++
		}
		if !f.kind.breaks() || broken <= mostBroken {
			c.faults = append(c.faults, f)
		}
	}
	gone := make(map[int]bool) // nodes whose part ends before the last barrier
	if alone {
		c.faults = append(c.faults, d.before(gone)...)
	}
	switch luck := d.IntN(100); {
	case luck < 40:
		c.faults = append(c.faults, d.fatal(c, alone, gone))
	case luck < 48:
		c.faults = append(c.faults, d.fatal(c, alone, gone), d.fatal(c, alone, gone))
	case luck < 60 && alone:
		c.faults = append(c.faults, d.end(c))
	}
	return c
}

// mostBroken is how often connections may break in a ceremony that must survive. Each
// break may cost more time than the previous one; see plan.unreachable.
const mostBroken = 2

// pause draws a pause. Most are zero, many are short, and some are long.
func (d *dice) pause() time.Duration {
	switch d.IntN(6) {
	case 0:
		return d.between(10*time.Millisecond, 150*time.Millisecond)
	case 1, 2:
		return d.between(time.Millisecond, 10*time.Millisecond)
	}
	return 0
}

// harmless draws a fault that does not fail the ceremony. In a strict cluster it does
// not break a connection either.
func (d *dice) harmless(c ceremony) fault {
	choice := []kind{stranger, slow}
	switch {
	case d.plan.network == relay:
		choice = []kind{drop}
	case d.plan.network != links && d.plan.strict:
		choice = []kind{stranger}
	case d.plan.network != links:
		choice = []kind{stranger, drop}
	case !d.plan.strict:
		choice = []kind{stranger, drop, cut, cut, cutAfter, freeze, freeze, slow}
	}
	f := fault{kind: choice[d.IntN(len(choice))], node: -1, after: d.between(0, 600*time.Millisecond)}
	if d.chance(50) {
		f.node, f.step, f.after = d.node(), d.IntN(c.last()), 0
	}
	if !f.kind.ofLink() {
		f.who = []int{d.node()}
		return f
	}
	f.who, f.others = d.sides()
	switch f.kind {
	case cut, cutAfter:
		f.length = d.between(20*time.Millisecond, 2*time.Second)
		f.bytes = d.IntN(4000)
	case freeze:
		f.length = d.between(20*time.Millisecond, time.Second)
		if d.chance(20) {
			f.length = d.between(silence, silence*3/2)
		}
	case slow:
		f.length = d.between(50*time.Millisecond, time.Second)
		f.delay = d.between(time.Millisecond, 60*time.Millisecond)
	}
	return f
}

// sides draws two nodes, one node against all others, or two halves.
func (d *dice) sides() (who, others []int) {
	order := d.Perm(d.plan.members)
	switch d.IntN(4) {
	case 0:
		return order[:1], order[1:]
	case 1:
		half := d.plan.members / 2
		return order[:half], order[half:]
	}
	return order[:1], order[1:2]
}

// before draws faults that happen before step 1, or none.
func (d *dice) before(gone map[int]bool) []fault {
	if d.plan.strict || !d.chance(25) {
		return nil
	}
	i := d.node()
	gone[i] = true
	return []fault{{
		kind:   []kind{rekill, restop, reopen}[d.IntN(3)],
		node:   i,
		step:   0,
		who:    []int{i},
		length: d.between(0, 300*time.Millisecond),
	}}
}

// fatal draws a fault that ends a ceremony.
func (d *dice) fatal(c ceremony, alone bool, gone map[int]bool) fault {
	choice := []kind{abort, leave}
	if alone {
		choice = append(choice, stop, restart)
		if d.plan.strict {
			choice = append(choice, kill, kill)
		}
		if d.plan.strict && d.plan.network == links && c.steps > 1 {
			choice = append(choice, cutForGood, cutForGood, freezeForGood, freezeForGood)
		}
	}
	f := fault{kind: choice[d.IntN(len(choice))], step: 1 + d.IntN(c.steps)}
	if f.kind.ofLink() {
		f.step = 1 + d.IntN(c.steps-1) // later, some might hear everyone at the last barrier, and others not
		f.who, f.others = d.sides()
		f.node = f.who[0]
		return f
	}
	for f.node = d.node(); gone[f.node]; f.node = d.node() {
	}
	gone[f.node] = true
	f.who = []int{f.node}
	return f
}

// end draws a fault of a node that has passed the last barrier.
func (d *dice) end(c ceremony) fault {
	i := d.node()
	f := fault{kind: lateKill, node: i, step: c.last(), who: []int{i}}
	if d.plan.strict && d.chance(50) {
		f.kind, f.length = hurry, d.between(time.Millisecond, 20*time.Millisecond)
		c.nodes[i].calls = advance // Run would wait for the goodbyes
	}
	return f
}
