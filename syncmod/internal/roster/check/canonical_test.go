package check_test

import (
	"bytes"
	"slices"
)

// canonicalizer finds the same bytes for all worlds that differ only in the order
// of nodes and streams.
type canonicalizer struct{ a, b coder }

// canonical returns the least encoding among the orders of the nodes that their
// signatures leave open. It is valid until the next call.
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

// inverse tells which number each node gets in an order.
func inverse(order [maxNodes]int8) (perm [maxNodes]int8) {
	for x, i := range order {
		perm[i] = int8(x)
	}
	return perm
}

// signature is made of what does not depend on the numbers of nodes.
func (w *world) signature(i int) uint64 {
	n := &w.nodes[i]
	s := &n.state
	h := mixer(1)
	h.mix(s.Step, s.Passed, int64(s.Phase), int64(n.process), int64(n.attempt), int64(n.shut))
	h.mix(int64(bits(w.nodes[i].foreign, w.past.restarted == int8(i), w.past.aborted == int8(i), n.told)))
	if f := s.Failure; f != nil {
		h.mix(int64(f.Kind))
	}
	var sum mixer
	for j := range w.size {
		if j != i {
			one := mixer(2)
			m := &n.members[j]
			one.mix(int64(processOf(m.Session)), m.Step, int64(bits(m.Done, m.Answered, m.Known, m.In.Up, m.Out.Up)))
			sum += one
		}
	}
	for k := range w.count {
		st := &w.streams[k]
		one := mixer(3)
		switch i {
		case int(st.from):
			one.mix(0)
		case int(st.to):
			one.mix(1)
		default:
			continue
		}
		one.mix(int64(st.handler), int64(st.requestCount), int64(st.responseCount))
		one.mix(int64(bits(st.clientOn, st.broken, st.accepted)))
		for q := range st.requestCount {
			one.mix(int64(st.requests[q].step))
		}
		sum += one
	}
	h.mix(int64(sum))
	return uint64(h)
}

// mixer is a hash of small numbers.
type mixer uint64

func (h *mixer) mix(numbers ...int64) {
	for _, n := range numbers {
		x := (uint64(*h) ^ uint64(n)) * 0x9e3779b97f4a7c15
		*h = mixer(x ^ x>>29)
	}
}
