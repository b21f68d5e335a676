package soak

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// loops is a plan for nodes that run one definition again and again, each at its own
// pace. It follows from the seed.
type loops struct {
	seed    uint64
	members int
	laps    []lap
	beside  [][]time.Duration // each node's pauses before the steps of a second ceremony; nil: no second ceremony
}

// lap is one complete run of the definition, however many attempts it takes.
type lap struct {
	steps  int // barriers before the last one
	nodes  []pace
	breaks []fault // faults of links
	ending *ending // nil: the first attempt completes
}

// last returns the step of the last barrier.
func (l lap) last() int { return l.steps + 1 }

// pace is how long a node takes.
type pace struct {
	open   time.Duration   // before it opens an attempt
	pauses []time.Duration // before each barrier
	stay   time.Duration   // before it closes an attempt that has ended
}

// ending says how a node ends its attempt. Its kind is abort, leave, restart or hurry.
type ending struct {
	kind   kind
	node   int
	step   int           // the last step that the node has passed; 0: before it announces step 1
	frozen time.Duration // how long its links are then frozen, so that what it says arrives in a later attempt
	grace  time.Duration // how long it stays for the goodbyes (hurry)
}

// fails reports whether the attempt fails for everyone. If a node leaves before step 1,
// the others wait for it instead.
func (e *ending) fails() bool { return e.step > 0 && e.kind != hurry || e.kind == abort }

func (e *ending) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s [%d] when it has passed step %d", e.kind, e.node, e.step)
	if e.frozen > 0 {
		fmt.Fprintf(&b, ", with its links frozen for %s", e.frozen)
	}
	if e.kind == hurry {
		fmt.Fprintf(&b, ", within %s", e.grace)
	}
	return b.String()
}

func (l loops) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %d: %d members run a definition %d times; with a second ceremony: %t\n",
		l.seed, l.members, len(l.laps), l.beside != nil)
	for r := range l.laps {
		b.WriteString(l.lap(r))
	}
	for i, pauses := range l.beside {
		fmt.Fprintf(&b, "second ceremony: node %d pauses %v\n", i, pauses)
	}
	return b.String()
}

func (l loops) lap(r int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "lap %d of %d steps, within %s\n", r, l.laps[r].steps, l.bound(r))
	for i, p := range l.laps[r].nodes {
		fmt.Fprintf(&b, "  node %d opens after %s, pauses %v, closes after %s\n", i, p.open, p.pauses, p.stay)
	}
	for _, f := range l.laps[r].breaks {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	if e := l.laps[r].ending; e != nil {
		fmt.Fprintf(&b, "  %s\n", e)
	}
	return b.String()
}

// config returns the configuration of every node. PeerTimeout is long, because whatever
// breaks comes back. GoodbyeTimeout is short, because a goodbye may get lost and the
// test should not wait long for it.
func (l loops) config() syncmod.Config {
	return syncmod.Config{
		Heartbeat: 100 * time.Millisecond, ExchangeTimeout: silence, PeerTimeout: 2 * time.Minute,
		GoodbyeTimeout: 8 * time.Second, BackoffMin: 20 * time.Millisecond, BackoffMax: 200 * time.Millisecond,
	}
}

// mostAttempts is how many attempts a node may need for a lap. A node that has not
// yet learned that an attempt is over can make the attempt after it fail.
const mostAttempts = 5

// bound returns how long a lap may take, from the moment when everyone can begin it.
func (l loops) bound(r int) time.Duration {
	lap := l.laps[r]
	var slowest time.Duration
	for _, p := range lap.nodes {
		own := p.open + p.stay
		for _, pause := range p.pauses {
			own += pause
		}
		slowest = max(slowest, own)
	}
	total := slack + mostAttempts*slowest
	for i, f := range lap.breaks {
		total += f.length
		if f.kind.breaks() {
			total += 5*time.Second + time.Duration(i*i)*time.Second
		}
	}
	if lap.ending != nil {
		total += l.config().GoodbyeTimeout + lap.ending.frozen + 5*time.Second
	}
	return total
}

// besideBound returns how long a barrier of the second ceremony may take. No lap delays
// it by more than the lap's own bound.
func (l loops) besideBound() (longest time.Duration) {
	for r := range l.laps {
		longest = max(longest, l.bound(r))
	}
	return longest
}

// chanceOfLoops is the percentage of clusters that loop.
const chanceOfLoops = 20

// isLoops reports whether the cluster of a seed loops.
func isLoops(seed uint64) bool {
	return rand.New(rand.NewPCG(seed, 2)).IntN(100) < chanceOfLoops
}

// drawLoops makes the plan of a seed. If members is 0, it draws 3 to 5 members. If laps
// is 0, it draws 4 to 12 laps.
func drawLoops(seed uint64, members, laps int) loops {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 3))}
	l := loops{seed: seed, members: 3 + d.IntN(3)}
	if members > 0 {
		l.members = members
	}
	d.plan.members = l.members
	if laps == 0 {
		laps = 4 + d.IntN(9)
	}
	beside := d.chance(70)
	for range laps {
		l.laps = append(l.laps, d.lap())
	}
	if !beside {
		return l
	}
	for range l.members {
		var pauses []time.Duration
		for range laps {
			pauses = append(pauses, d.between(20*time.Millisecond, 200*time.Millisecond))
		}
		l.beside = append(l.beside, pauses)
	}
	return l
}

func (d *dice) lap() lap {
	l := lap{steps: d.IntN(4)}
	for range d.plan.members {
		p := pace{open: d.between(0, 10*time.Millisecond)}
		if d.chance(15) {
			p.open = d.between(50*time.Millisecond, 300*time.Millisecond)
		}
		if d.chance(15) {
			p.stay = d.between(20*time.Millisecond, 200*time.Millisecond)
		}
		for range l.last() {
			p.pauses = append(p.pauses, d.pause()/2)
		}
		l.nodes = append(l.nodes, p)
	}
	for range d.IntN(3) {
		l.breaks = append(l.breaks, d.breakage(l))
	}
	if d.chance(25) {
		l.ending = d.ending(l)
	}
	return l
}

// breakage draws a fault of links when a node has passed a step. Most of these faults
// allow new connections at once, because libp2p pauses for 5 s after a failed dial.
func (d *dice) breakage(l lap) fault {
	f := fault{kind: drop, node: d.node(), step: d.IntN(l.last() + 1)}
	f.who, f.others = d.sides()
	switch luck := d.IntN(100); {
	case luck < 35:
	case luck < 65:
		f.bytes = 1 + d.IntN(2000)
	case luck < 85:
		f.kind, f.length = freeze, d.between(20*time.Millisecond, 300*time.Millisecond)
	case luck < 95:
		f.kind, f.length = slow, d.between(50*time.Millisecond, 500*time.Millisecond)
		f.delay = d.between(time.Millisecond, 30*time.Millisecond)
	default:
		f.kind, f.length = cut, d.between(20*time.Millisecond, 300*time.Millisecond)
	}
	return f
}

func (d *dice) ending(l lap) *ending {
	e := &ending{kind: []kind{abort, leave, restart, hurry}[d.IntN(4)], node: d.node(), step: d.IntN(l.steps + 1)}
	switch {
	// The others may not have heard that this node has announced step 1, and would wait for its next attempt.
	case e.kind == hurry && l.steps == 0:
		e.kind = leave
	case e.kind == hurry:
		e.step, e.grace = l.last(), d.between(time.Millisecond, time.Second)
		return e
	}
	if e.kind != restart && d.chance(40) {
		e.frozen = d.between(100*time.Millisecond, 1500*time.Millisecond)
	}
	return e
}
