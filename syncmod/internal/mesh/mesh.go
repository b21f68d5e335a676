package mesh

import (
	"bytes"
	"slices"
	"time"
)

// maxPairs is how many broken pairs are listed at most.
const maxPairs = 1024

// Mesh is every member's view, this node's included.
type Mesh struct {
	self  int
	began time.Time
	grace time.Duration // how long a pair has to be down before it counts as broken
	rows  []row         // by operator index
}

// row is what one member says.
type row struct {
	view View            // nil while it says nothing
	down []time.Duration // since when it has not been connected with each member, from the beginning; isUp where it is
}

const isUp time.Duration = -1

// New makes the mesh of a ceremony with so many members, in which nobody has said
// anything. A pair counts as broken once it has been down for the grace.
func New(now time.Time, members, self int, grace time.Duration) *Mesh {
	return &Mesh{self: self, began: now, grace: grace, rows: make([]row, members)}
}

// Set notes a member's view. One that cannot be the member's says nothing: the one
// before is void. It returns false when that changes nothing.
func (m *Mesh) Set(now time.Time, member int, v View) bool {
	r := &m.rows[member]
	switch {
	case bytes.Equal(r.view, v):
		return false
	case !v.IsOf(member, len(m.rows)):
		said := r.view != nil
		m.Forget(member)
		return said
	}
	if r.view == nil {
		r.down = slices.Repeat([]time.Duration{isUp}, len(m.rows))
	}
	r.view = bytes.Clone(v)
	for i := range r.down {
		switch {
		case r.view.Link(i).Up():
			r.down[i] = isUp
		case r.down[i] == isUp:
			r.down[i] = now.Sub(m.began)
		}
	}
	return true
}

// Forget notes that what a member has said may no longer be true.
func (m *Mesh) Forget(member int) { m.rows[member] = row{} }

// View returns a member's view, nil while it says nothing.
func (m *Mesh) View(member int) View { return m.rows[member].view }

// Pair is two members that cannot reach each other, or only one way.
type Pair struct {
	A, B  int       // operator indexes, A below B
	Since time.Time // since when that has been known here
	// AToB and BToA say which of the two reaches the other all the same.
	AToB, BToA bool
}

// Broken lists the pairs of members that have not been connected both ways for the
// grace although each of the two is there: it is connected with somebody else. It
// lists at most 1,024.
func (m *Mesh) Broken(now time.Time) []Pair {
	var pairs []Pair
	present := m.present()
	for a := range m.rows {
		for b := a + 1; b < len(m.rows) && present[a] > 0; b++ {
			since, down := m.downSince(a, b)
			if !down || !m.isElsewhere(present, a, b) || now.Sub(since) < m.grace {
				continue
			}
			pairs = append(pairs, Pair{A: a, B: b, Since: since, AToB: m.reaches(a, b), BToA: m.reaches(b, a)})
			if len(pairs) == maxPairs {
				return pairs
			}
		}
	}
	return pairs
}

// present counts for each member by how many others it is said to be connected.
func (m *Mesh) present() []int {
	counts := make([]int, len(m.rows))
	for of := range m.rows {
		v := m.rows[of].view
		for i := range m.rows {
			if v != nil && v.Link(i).Up() {
				counts[i]++
			}
		}
	}
	return counts
}

// isElsewhere reports whether both of a pair are connected with somebody else.
func (m *Mesh) isElsewhere(present []int, a, b int) bool {
	for _, p := range [...][2]int{{a, b}, {b, a}} {
		others := present[p[0]]
		if v := m.rows[p[1]].view; v != nil && v.Link(p[0]).Up() {
			others-- // not the other one of the pair
		}
		if others == 0 {
			return false
		}
	}
	return true
}

// downSince tells since when one of a pair has said that the two are not connected.
// A member that has said goodbye to the other one needs no connection any more.
func (m *Mesh) downSince(a, b int) (since time.Time, down bool) {
	first := isUp
	for _, p := range [...][2]int{{a, b}, {b, a}} {
		r := &m.rows[p[0]]
		switch {
		case r.view == nil:
			continue
		case r.view.Link(p[1])&Done != 0:
			return time.Time{}, false
		}
		if at := r.down[p[1]]; at != isUp && (first == isUp || at < first) {
			first = at
		}
	}
	return m.began.Add(first), first != isUp
}

// reaches reports whether a member's stream to another one is alive, as far as the
// two say.
func (m *Mesh) reaches(from, to int) bool {
	f, t := m.rows[from].view, m.rows[to].view
	return (f == nil || f.Link(to)&Outbound != 0) && (t == nil || t.Link(from)&Inbound != 0)
}

// Reach lists the other members that say whether they are connected with a member:
// those that are, and those that are not.
func (m *Mesh) Reach(member int) (by, not []int) {
	for i := range m.rows {
		v := m.rows[i].view
		switch {
		case i == m.self || i == member || v == nil:
		case v.Link(member).Up():
			by = append(by, i)
		default:
			not = append(not, i)
		}
	}
	return by, not
}
