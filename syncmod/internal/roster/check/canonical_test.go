package check_test

import (
	"bytes"
	"slices"
)

// canonicalizer finds the same bytes for all worlds that differ only in the order of
// their nodes and streams.
type canonicalizer struct{ a, b coder }

// canonical returns the least encoding of a world. It sorts the nodes by their
// signatures, and tries every order of nodes with equal signatures. The result is
// valid until the next call.
func (c *canonicalizer) canonical(w *world) []byte {
	if !w.reduces(symmetry) {
		return c.a.encode(w, identity)
	}
	var signatures [maxNodes]uint64
	order := identity
	for i := range w.size {
		signatures[i] = w.signature(i)
	}
	slices.SortStableFunc(order[:w.size], func(x, y int8) int {
		switch {
		case signatures[x] < signatures[y]:
			return -1
		case signatures[x] > signatures[y]:
			return 1
		}
		return 0
	})
	current, other := &c.a, &c.b
	best := current.encode(w, inverse(order))
	same := func(x, y int) bool { return y < w.size && signatures[order[x]] == signatures[order[y]] }
	try := func(x, y, z int) {
		if b := other.encode(w, inverse([maxNodes]int8{order[x], order[y], order[z]})); bytes.Compare(b, best) < 0 {
			best = b
			current, other = other, current
		}
	}
	first, second := same(0, 1), same(1, 2)
	if first {
		try(1, 0, 2)
	}
	if second {
		try(0, 2, 1)
	}
	if first && second {
		try(1, 2, 0)
		try(2, 0, 1)
		try(2, 1, 0)
	}
	return best
}

// inverse returns the number that each node gets in an order.
func inverse(order [maxNodes]int8) (perm [maxNodes]int8) {
	for x, i := range order {
		perm[i] = int8(x)
	}
	return perm
}

// signature returns a hash of the parts of a node that do not change when the nodes
// are numbered otherwise.
func (w *world) signature(i int) uint64 {
	n := &w.nodes[i]
	s := &n.state
	flags := bitOf(n.foreign, 0) | bitOf(n.differs, 7) | bitOf(n.told, 1) |
		bitOf(w.past.restarted == int8(i), 2) | bitOf(w.past.aborted == int8(i), 3)
	h := mixer(1)
	h.mix(uint64(s.Step) | uint64(s.Passed)<<8 | uint64(s.Phase)<<16 | uint64(flags)<<24 |
		uint64(n.process)<<32 | uint64(n.attempt)<<40 | uint64(n.shut)<<48)
	if f := s.Failure; f != nil {
		h.mix(uint64(f.Kind))
	}
	var sum mixer
	for j := range w.size {
		if j == i {
			continue
		}
		m := &n.members[j]
		flags := bitOf(m.Done, 0) | bitOf(m.Answered, 1) | bitOf(m.Known, 2) | bitOf(m.In.Up, 3) | bitOf(m.Out.Up, 4)
		one := mixer(2)
		one.mix(uint64(processOf(m.Session)+1) | uint64(m.Step+1)<<8 | uint64(flags)<<16)
		sum += one
	}
	for k := range w.count {
		st := &w.streams[k]
		if i != int(st.from) && i != int(st.to) {
			continue
		}
		flags := bitOf(st.clientOn, 0) | bitOf(st.broken, 1) | bitOf(st.accepted, 2) | bitOf(i == int(st.from), 3)
		one := mixer(3)
		one.mix(uint64(st.handler) | uint64(st.requestCount)<<8 | uint64(st.responseCount)<<16 | uint64(flags)<<24)
		sum += one
	}
	h.mix(uint64(sum))
	return uint64(h)
}

// mixer is a hash of numbers.
type mixer uint64

func (h *mixer) mix(n uint64) {
	x := (uint64(*h) ^ n) * 0x9e3779b97f4a7c15
	*h = mixer(x ^ x>>29)
}
