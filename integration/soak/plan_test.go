package soak

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// plan is everything that will happen to a cluster. It follows from the seed.
type plan struct {
	seed    uint64
	members int
	network transport
	recycle time.Duration // how long a circuit lasts, with a relay
	strict  bool          // a member that is gone fails the ceremony soon
	rounds  []round
}

type transport int

const (
	links transport = iota
	tcp
	quic
	relay
)

func (n transport) String() string { return [...]string{"links", "TCP", "QUIC", "relay"}[n] }

// round is one ceremony, or two at the same time.
type round struct {
	anew       []int // nodes whose apps are stopped and started before the round
	again      bool  // same definition as the previous round, opened while others have not closed that one yet
	ceremonies []ceremony
}

// ceremony is what will happen in a ceremony.
type ceremony struct {
	steps  int // barriers before the last one
	nodes  []script
	faults []fault
}

// last returns the step of the last barrier.
func (c ceremony) last() int { return c.steps + 1 }

// script is what a node does.
type script struct {
	open    time.Duration // since the beginning
	connect bool          // waits until everyone is connected
	calls   calls
	pauses  []time.Duration // before each barrier
}

// calls says how a node passes its barriers.
type calls int

const (
	advance  calls = iota // Advance, Complete
	setAwait              // SetStep, AwaitStep, Complete
	run                   // Run
	again                 // Advance with deadlines that are too short
)

func (c calls) String() string { return [...]string{"advance", "set and await", "run", "hasty"}[c] }

// fault says what goes wrong and when: some time after the beginning, or when a node
// has passed a step. Step 0 means before the node announces step 1.
type fault struct {
	kind   kind
	after  time.Duration
	node   int // -1: the field after says when the fault happens
	step   int
	who    []int // the node, or one side
	others []int // the other side
	length time.Duration
	delay  time.Duration
	bytes  int
}

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %d: %d members, %s", p.seed, p.members, p.network)
	if p.network == relay {
		fmt.Fprintf(&b, " with circuits of %s", p.recycle)
	}
	fmt.Fprintf(&b, ", a member may be gone for %s\n", p.config().PeerTimeout)
	for i, r := range p.rounds {
		fmt.Fprintf(&b, "round %d", i+1)
		if len(r.anew) > 0 {
			fmt.Fprintf(&b, ", with nodes %v started anew", r.anew)
		}
		if r.again {
			b.WriteString(", of the same definition again")
		}
		b.WriteString("\n")
		for _, c := range r.ceremonies {
			fmt.Fprintf(&b, "  ceremony of %d steps, %s, within %s\n", c.steps, c.expected(), p.bound(i, c))
			for i, s := range c.nodes {
				fmt.Fprintf(&b, "    node %d opens it after %s, connect %t, %s, pauses %v\n",
					i, s.open, s.connect, s.calls, s.pauses)
			}
			for _, f := range c.faults {
				fmt.Fprintf(&b, "    %s\n", f)
			}
		}
	}
	return b.String()
}

func (f fault) String() string {
	var b strings.Builder
	if f.node < 0 {
		fmt.Fprintf(&b, "after %s: ", f.after)
	} else {
		fmt.Fprintf(&b, "when node %d has passed step %d: ", f.node, f.step)
	}
	fmt.Fprintf(&b, "%s %v", f.kind, f.who)
	if len(f.others) > 0 {
		fmt.Fprintf(&b, " and %v", f.others)
	}
	if f.length > 0 {
		fmt.Fprintf(&b, " for %s", f.length)
	}
	if f.kind == slow {
		fmt.Fprintf(&b, " by %s", f.delay)
	}
	switch {
	case f.kind == cutAfter:
		fmt.Fprintf(&b, " %d bytes", f.bytes)
	case f.kind == drop && f.bytes > 0:
		fmt.Fprintf(&b, " after %d bytes", f.bytes)
	}
	return b.String()
}

// outcome is how a ceremony must end.
type outcome int

const (
	completes outcome = iota
	fails
	either // each node completes or fails
)

func (o outcome) String() string { return [...]string{"completes", "fails", "completes or fails"}[o] }

func (c ceremony) expected() outcome {
	o := completes
	for _, f := range c.faults {
		switch {
		case f.kind.fatal():
			return fails
		case f.kind == hurry:
			o = either
		}
	}
	return o
}

// spares reports whether a node may complete although others fail. If two
// sides lose each other at the last barrier, a node that is on neither of them still
// hears from everyone.
func (c ceremony) spares(node int) bool {
	spared := false
	for _, f := range c.faults {
		switch {
		case !f.kind.fatal():
		case !f.kind.ofLink(), f.step < c.steps, slices.Contains(f.who, node), slices.Contains(f.others, node):
			return false
		default:
			spared = true
		}
	}
	return spared
}

// loses reports whether a node's part ends in a way that must make the
// others fail.
func (c ceremony) loses(node int) bool {
	return slices.ContainsFunc(c.faults, func(f fault) bool {
		return f.kind.fatal() && !f.kind.ofLink() && slices.Contains(f.who, node)
	})
}

// How long things take. A fault that breaks connections costs more than its own time:
// after a failed dial, libp2p does not dial the address again for 5 s, then for 6, 9,
// 14 s and so on, unless the other side gets through first.
const (
	slack   = 20 * time.Second // for a busy machine and the race detector
	grace   = 7 * time.Second  // for a member that is gone after its goodbye
	carried = 10 * time.Second // until a host dials a peer again that it could not reach in the previous round
	telling = 700 * time.Millisecond
	silence = 5 * time.Second // ExchangeTimeout
	missed  = 8 * time.Second // PeerTimeout if a lost member must be fatal; no loaded machine stalls that long
)

// unreachable returns how long two members may be unable to reach each other in a
// round. It counts faults that do not last for good, in this and earlier rounds.
func (p plan) unreachable(r int) time.Duration {
	total, broken := time.Duration(0), 0
	if p.network == relay {
		total += slack // circuits end again and again, and a dial may fail each time
	}
	if r > 0 {
		total += carried
	}
	for _, c := range p.rounds[r].ceremonies {
		for _, f := range c.faults {
			total += f.length
			if f.kind.breaks() {
				total += 5*time.Second + time.Duration(broken*broken)*time.Second
				broken++
			}
		}
	}
	return total
}

// config returns the configuration of every node. In a strict cluster a lost member is
// given up soon, so nothing may break there unless it must be fatal. In other
// clusters a member that comes back is never given up.
func (p plan) config() syncmod.Config {
	config := syncmod.Config{
		Heartbeat: 100 * time.Millisecond, ExchangeTimeout: silence, PeerTimeout: missed, OpenGrace: 10 * time.Second,
		GoodbyeTimeout: slack, BackoffMin: 20 * time.Millisecond, BackoffMax: 200 * time.Millisecond,
	}
	if p.strict {
		return config
	}
	for r := range p.rounds {
		config.PeerTimeout = max(config.PeerTimeout, p.unreachable(r)+slack)
	}
	config.GoodbyeTimeout = config.PeerTimeout
	return config
}

// bound returns how long a ceremony of a round may take. It adds up the pauses of its
// nodes and the costs of its network. If the ceremony fails, it adds the time until a
// silent member is noticed (one and a half ExchangeTimeouts) and given up.
func (p plan) bound(r int, c ceremony) time.Duration {
	config := p.config()
	total := slack + p.unreachable(r) + time.Duration(c.last())*time.Second
	opened := time.Duration(0)
	pauses := make([]time.Duration, c.last())
	for _, s := range c.nodes {
		opened = max(opened, s.open)
		for i := range pauses {
			pauses[i] = max(pauses[i], s.pauses[i])
		}
	}
	total += opened
	for _, pause := range pauses {
		total += pause
	}
	for _, f := range c.faults {
		switch f.kind {
		case kill:
			total += config.PeerTimeout + config.ExchangeTimeout*3/2 + telling
		case cutForGood, freezeForGood:
			total += config.PeerTimeout + config.ExchangeTimeout*3/2 + telling
			if f.step == c.steps { // spared nodes wait for goodbyes
				total += config.GoodbyeTimeout
			}
		case hurry:
			total += config.PeerTimeout + config.GoodbyeTimeout
		case lateKill:
			total += grace
		case leave, stop:
			// If a link breaks at that moment, the node cannot tell the others that it leaves. They wait until they
			// give it up.
			if p.unreachable(r) > 0 {
				total += config.PeerTimeout + config.ExchangeTimeout*3/2
			}
		case rekill, restop, restart:
			total += 5 * time.Second // hosts and apps take a while
		}
	}
	return total
}
