package soak

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// retries is a plan for nodes that begin again until their ceremony is complete on all
// of them. It follows from the seed.
type retries struct {
	seed    uint64
	members int
	steps   int
	work    [][]time.Duration // for each node, how long its steps take
	faults  [][]fault         // for each node, in order: what ends its part in a step; step 0: before step 1
	breaks  []fault           // faults of links
}

// chanceOfRetries is the percentage of the clusters without loops whose nodes begin
// again.
const chanceOfRetries = 25

// isRetries reports whether the nodes of a seed's cluster begin again.
func isRetries(seed uint64) bool {
	return rand.New(rand.NewPCG(seed, 4)).IntN(100) < chanceOfRetries
}

// drawRetries makes the plan of a seed. If members is 0, it draws 3 to 6 members.
//
// No node ends at the last barrier, because others may have passed it and would not
// come back.
func drawRetries(seed uint64, members int) retries {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 5))}
	p := retries{seed: seed, members: 3 + d.IntN(4), steps: 1 + d.IntN(4)}
	if members > 0 {
		p.members = members
	}
	d.plan.members = p.members
	p.faults = make([][]fault, p.members)
	for range p.members {
		var work []time.Duration
		for range p.steps {
			work = append(work, d.pause())
		}
		p.work = append(p.work, work)
	}
	for range 1 + d.IntN(6) {
		i := d.node()
		f := fault{
			kind: [...]kind{abort, stop, restart, restart}[d.IntN(4)], who: []int{i},
			node: i, step: d.IntN(p.steps + 1), delay: d.between(0, 300*time.Millisecond),
		}
		if f.kind != abort {
			f.length = d.between(10*time.Millisecond, 2*time.Second)
		}
		p.faults[i] = append(p.faults[i], f)
	}
	for range d.IntN(4) {
		f := fault{
			kind: [...]kind{drop, cut, freeze}[d.IntN(3)], node: -1, after: d.between(0, 3*time.Second),
			length: d.between(100*time.Millisecond, 2*time.Second),
		}
		f.who = []int{d.node()}
		f.others = []int{(f.who[0] + 1 + d.IntN(p.members-1)) % p.members}
		p.breaks = append(p.breaks, f)
	}
	return p
}

func (p retries) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %d: %d members begin a ceremony of %d steps again and again\n", p.seed, p.members, p.steps)
	for i := range p.members {
		fmt.Fprintf(&b, "  node %d works for %v\n", i, p.work[i])
		for _, f := range p.faults[i] {
			fmt.Fprintf(&b, "    %s, %s later\n", f, f.delay)
		}
	}
	for _, f := range p.breaks {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}

// count returns how many faults end attempts.
func (p retries) count() (all int) {
	for _, own := range p.faults {
		all += len(own)
	}
	return all
}

// config returns the configuration of every node. PeerTimeout is long, because whatever breaks
// comes back.
func (p retries) config() syncmod.Config {
	c := loops{}.config()
	c.Retry = syncmod.Retry{Attempts: -1, Pause: 50 * time.Millisecond, PauseMax: time.Second}
	return c
}

// bound returns how long it may take until the ceremony is complete everywhere. For
// each fault it adds an attempt, the pause after it, the time without a process, and a
// host's pause before it dials again.
func (p retries) bound() time.Duration {
	var slowest time.Duration
	for _, work := range p.work {
		own := time.Duration(0)
		for _, w := range work {
			own += w
		}
		slowest = max(slowest, own)
	}
	all := p.count() + len(p.breaks)
	total := slack + p.config().GoodbyeTimeout + time.Duration(1+all)*(slowest+p.config().Retry.PauseMax*3/2)
	for i := range all {
		total += 2*time.Second + 5*time.Second + time.Duration(i*i)*time.Second
	}
	return total
}
