package check_test

import (
	"bytes"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// coder encodes worlds as bytes. Two worlds that behave alike have the same bytes:
// streams are sorted, and nodes may get other numbers.
type coder struct {
	out           []byte // the output so far
	bodies, whole []byte
	perm          [maxNodes]int8 // the number that each node gets
}

var identity = [maxNodes]int8{0, 1, 2}

// bitOf returns a flag as a bit.
func bitOf(flag bool, k int) byte {
	if flag {
		return 1 << k
	}
	return 0
}

func bit(b byte, k int) bool { return b>>k&1 == 1 }

// nibbles puts two small numbers into a byte. It stores -1 as 15.
func nibbles(low, high int8) byte { return byte(low&15) | byte(high&15)<<4 }

func unnibble(b byte) (low, high int8) {
	sign := func(x byte) int8 {
		if x == 15 {
			return -1
		}
		return int8(x)
	}
	return sign(b & 15), sign(b >> 4)
}

// node returns the number that a node gets. It keeps -1.
func (c *coder) node(i int8) int8 {
	if i < 0 {
		return i
	}
	return c.perm[i]
}

func (c *coder) set(s set) (renumbered set) {
	for i := range maxNodes {
		if s.has(i) {
			renumbered |= 1 << c.perm[i]
		}
	}
	return renumbered
}

// encode encodes a world and gives its nodes other numbers.
func (c *coder) encode(w *world, perm [maxNodes]int8) []byte {
	c.perm = perm
	var inverse [maxNodes]int8
	for i := range w.size {
		inverse[perm[i]] = int8(i)
	}
	var ends [maxStreams + 1]int
	var order, position [maxStreams]int8
	c.out = c.bodies[:0]
	for s := range w.count {
		c.stream(w, int8(s))
		ends[s+1] = len(c.out)
		order[s] = int8(s)
	}
	c.bodies = c.out
	body := func(s int8) []byte { return c.bodies[ends[s]:ends[s+1]] }
	for x := 1; x < w.count; x++ {
		for y := x; y > 0 && bytes.Compare(body(order[y]), body(order[y-1])) < 0; y-- {
			order[y], order[y-1] = order[y-1], order[y]
		}
	}
	for x := range w.count {
		position[order[x]] = int8(x)
	}

	c.out = c.whole[:0]
	c.world(w)
	for x := range w.size {
		c.nodeOf(w, int(inverse[x]), &inverse)
	}
	for _, s := range order[:w.count] {
		c.out = append(c.out, body(s)...)
		if st := &w.streams[s]; st.handler == waiting {
			to := int8(-1)
			if st.awaits >= 0 {
				to = position[st.awaits]
			}
			c.out = append(c.out, byte(to+1))
		}
	}
	c.whole = c.out
	return c.out
}

func (c *coder) world(w *world) {
	f, p := &w.left, &w.past
	c.out = append(
		c.out, byte(w.count),
		nibbles(f.losses, f.migrations), nibbles(f.restarts, f.crashes), nibbles(f.aborts, f.timeouts),
		byte(c.set(p.succeeded))|bitOf(p.heard, 7), nibbles(c.node(p.restarted), p.restartedAt),
		nibbles(c.node(p.aborted), p.abortedAt), nibbles(c.node(p.crashed), p.abortedIn), byte(c.set(p.excused)),
	)
}

func (d *decoder) world(w *world) {
	w.count = int(d.byte())
	f, p := &w.left, &w.past
	f.losses, f.migrations = d.nibbles()
	f.restarts, f.crashes = d.nibbles()
	f.aborts, f.timeouts = d.nibbles()
	b := d.byte()
	p.succeeded, p.heard = set(b&127), bit(b, 7)
	p.restarted, p.restartedAt = d.nibbles()
	p.aborted, p.abortedAt = d.nibbles()
	p.crashed, p.abortedIn = d.nibbles()
	p.excused = set(d.byte())
}

func (c *coder) nodeOf(w *world, i int, inverse *[maxNodes]int8) {
	n := &w.nodes[i]
	s := &n.state
	c.out = append(
		c.out, nibbles(n.process, n.attempt), byte(n.shut)|bitOf(n.foreign, 6)|bitOf(n.told, 7), byte(c.set(n.served)),
		nibbles(int8(s.Phase), int8(s.Step)), nibbles(int8(s.Passed), int8(s.Last)),
		bitOf(s.Open, 0)|bitOf(s.AllConnected, 1)|bitOf(s.WantConnected, 2)|bitOf(s.Aborting, 3)|bitOf(s.Rounds > 0, 4)|
			bitOf(n.differs, 5)|bitOf(n.upset, 6),
	)
	for p := range n.process + 1 {
		c.out = append(c.out, byte(n.said[p]))
	}
	if w.leaves {
		for x := range w.size {
			c.out = append(c.out, byte(n.partner[inverse[x]]))
		}
	}
	if f := s.Failure; f != nil {
		c.out = append(
			c.out, byte(f.Kind), nibbles(c.node(int8(f.Culprit)), c.node(int8(f.By))),
			nibbles(c.node(int8(f.Reporter)), c.node(causeOf(f))),
		)
	}
	c.attempt(s.Attempt, s.HasAttempt)
	for x := range w.size {
		if j := int(inverse[x]); j != i {
			m, cl := &n.members[j], &n.clients[j]
			c.out = append(
				c.out, bitOf(cl.finished, 0)|bitOf(m.Done, 1)|bitOf(m.Answered, 2)|bitOf(m.Known, 3)|
					bitOf(m.In.Up, 4)|bitOf(m.In.Ever, 5)|bitOf(m.Out.Up, 6)|bitOf(m.Out.Ever, 7),
				nibbles(processOf(m.Session), int8(m.Step)), nibbles(int8(m.First), rankOf(m.Opened)),
				bitOf(m.Asked, 0),
			)
			c.attempt(m.Attempt, m.HasAttempt)
		}
	}
}

func (d *decoder) nodeOf(w *world, i int) {
	n := &w.nodes[i]
	s := &n.state
	n.process, n.attempt = d.nibbles()
	b := d.byte()
	n.shut, n.foreign, n.told = shut(b&63), bit(b, 6), bit(b, 7)
	n.served = set(d.byte())
	phase, step := d.nibbles()
	passed, last := d.nibbles()
	s.Phase, s.Step, s.Passed, s.Last = roster.Phase(phase), int64(step), int64(passed), int64(last)
	b = d.byte()
	s.Open, s.AllConnected, s.WantConnected, s.Aborting = bit(b, 0), bit(b, 1), bit(b, 2), bit(b, 3)
	s.Rounds, n.differs, n.upset = int(b>>4&1), bit(b, 5), bit(b, 6)
	for p := range n.process + 1 {
		n.said[p] = int8(d.byte())
	}
	if w.leaves {
		for j := range w.size {
			n.partner[j] = int8(d.byte())
		}
	}
	if s.Phase == roster.Failed {
		s.Failure = d.failure(w)
	}
	s.Attempt, s.HasAttempt = d.attempt()
	for j := range w.size {
		m, cl := &n.members[j], &n.clients[j]
		cl.current, cl.old = -1, -1
		m.Step = -1
		if j == i {
			cl.finished = n.shut == between || n.shut == left || n.shut == dead
			continue
		}
		b := d.byte()
		cl.finished, m.Done, m.Answered, m.Known = bit(b, 0), bit(b, 1), bit(b, 2), bit(b, 3)
		m.In.Up, m.In.Ever, m.Out.Up, m.Out.Ever = bit(b, 4), bit(b, 5), bit(b, 6), bit(b, 7)
		process, step := d.nibbles()
		if process >= 0 {
			m.Session = w.sessionOf(j, process)
		}
		first, rank := d.nibbles()
		m.Step, m.First = int64(step), int64(first)
		if rank > 0 {
			m.Opened = timeOf(rank)
		}
		m.Asked = bit(d.byte(), 0)
		m.Attempt, m.HasAttempt = d.attempt()
	}
}
