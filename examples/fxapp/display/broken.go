package display

import (
	"slices"
	"time"
)

// apart is a pair of nodes that cannot reach each other, and the nodes that see it.
type apart struct {
	a, b  int
	since time.Time
	by    []int
}

// broken lists the broken pairs that the nodes see.
func (r *Report) broken() []apart {
	var pairs []apart
	for i, n := range r.nodes {
		for _, link := range n.status.Broken {
			k := slices.IndexFunc(pairs, func(p apart) bool { return p.a == link.A && p.b == link.B })
			if k < 0 {
				k = len(pairs)
				pairs = append(pairs, apart{a: link.A, b: link.B, since: link.Since})
			}
			pairs[k].by = append(pairs[k].by, i)
		}
	}
	return pairs
}

// explainBroken prints a line for each pair that cannot reach each other.
func (r *Report) explainBroken(pairs []apart) {
	for _, p := range pairs {
		r.line("%s and %s cannot reach each other (for %s): seen by %s",
			r.ceremony.Operator(p.a), r.ceremony.Operator(p.b), time.Since(p.since).Round(time.Second), operators(p.by))
	}
}
