package mesh

import (
	"bytes"
	"slices"
	"time"
)

// maxPairs is the maximum number of broken pairs in a list.
const maxPairs = 1024

// Mesh holds the views of all members, this node included.
type Mesh struct {
	self  int
	began time.Time
	grace time.Duration // how long a pair must be down before it counts as broken
	rows  []row         // by operator index
	seen  []presence    // by operator index too

	// The last result of Broken. It becomes invalid when a view changes, and at the
	// time that is stored in until.
	broken []Pair
	until  time.Time // zero: for ever
	stale  bool
}

// row is what one member says.
type row struct {
	view  View            // nil while it says nothing
	down  []time.Duration // when it lost each member, relative to began; isUp if it is connected
	downs int             // how many others it is not connected to
}

// presence is whether a member is connected to anyone, as the others say.
type presence struct {
	by    int           // how many say that they are connected to it
	since time.Duration // when the first of them connected, relative to began
}

const isUp time.Duration = -1

// New returns the mesh of a ceremony with the given number of members, none of which
// has said anything. A pair counts as broken once it has been down for the grace time.
func New(now time.Time, members, self int, grace time.Duration) *Mesh {
	return &Mesh{
		self: self, began: now, grace: grace, rows: make([]row, members), seen: make([]presence, members),
	}
}

// Set notes a member's view. If the view is not possible for that member, the member's
// previous view becomes void. Set returns false if nothing changes.
func (m *Mesh) Set(now time.Time, member int, v View) bool {
	r := &m.rows[member]
	switch {
	case bytes.Equal(r.view, v):
		return false
	case !v.IsOf(member, len(m.rows)):
		said := r.view != nil
		m.Forget(now, member)
		return said
	}
	if r.view == nil {
		r.down = slices.Repeat([]time.Duration{isUp}, len(m.rows))
	}
	before := r.view
	r.view, r.downs = bytes.Clone(v), 0
	for i := range r.down {
		up := r.view.Link(i).Up()
		switch {
		case up || i == member:
			r.down[i] = isUp
		case r.down[i] == isUp:
			r.down[i] = now.Sub(m.began)
		}
		if r.down[i] != isUp {
			r.downs++
		}
		m.see(now, i, before != nil && before.Link(i).Up(), up)
	}
	m.stale = true
	return true
}

// see notes that one more member, or one fewer, is connected to member i.
func (m *Mesh) see(now time.Time, i int, before, up bool) {
	p := &m.seen[i]
	switch {
	case up && !before:
		if p.by++; p.by == 1 {
			p.since = now.Sub(m.began)
		}
	case before && !up:
		p.by--
	}
}

// Forget notes that the view of a member may no longer be true.
func (m *Mesh) Forget(now time.Time, member int) {
	if v := m.rows[member].view; v != nil {
		for i := range m.rows {
			m.see(now, i, v.Link(i).Up(), false)
		}
		m.stale = true
	}
	m.rows[member] = row{}
}

// View returns a member's view, or nil if the member says nothing.
func (m *Mesh) View(member int) View { return m.rows[member].view }

// Pair is a broken pair: two members that cannot reach each other, or only in one
// direction.
type Pair struct {
	A, B  int       // operator indexes, A below B
	Since time.Time // when this node learned of it
	// AToB and BToA say whether one of the two still reaches the other.
	AToB, BToA bool
	// Disputed is set if the two members contradict each other.
	Disputed bool
}

// Broken returns the pairs of members that have not been connected in both directions
// for the grace time. Both members must have been present for that time, which means
// that they are connected to somebody else. Broken returns at most 1,024 pairs. The
// caller must not change the slice.
func (m *Mesh) Broken(now time.Time) []Pair {
	if m.stale || !m.until.IsZero() && !now.Before(m.until) {
		m.broken, m.until, m.stale = nil, time.Time{}, false
		m.findBroken(now)
	}
	return m.broken
}

func (m *Mesh) findBroken(now time.Time) {
	for a := range m.rows {
		for b := a + 1; b < len(m.rows); b++ {
			if m.rows[a].downs == 0 && m.rows[b].downs == 0 {
				continue
			}
			since, down := m.downSince(a, b)
			if !down || !m.isElsewhere(a, b) {
				continue
			}
			if counts := since.Add(m.grace); now.Before(counts) {
				if m.until.IsZero() || counts.Before(m.until) {
					m.until = counts
				}
				continue
			}
			m.broken = append(m.broken, Pair{
				A: a, B: b, Since: since, AToB: m.reaches(a, b), BToA: m.reaches(b, a), Disputed: m.isDisputed(a, b),
			})
			if len(m.broken) == maxPairs {
				return
			}
		}
	}
}

// isElsewhere reports whether each member of a pair is connected to somebody else.
func (m *Mesh) isElsewhere(a, b int) bool {
	for _, p := range [...][2]int{{a, b}, {b, a}} {
		others := m.seen[p[0]].by
		if v := m.rows[p[1]].view; v != nil && v.Link(p[0]).Up() {
			others-- // do not count the other member of the pair
		}
		if others == 0 {
			return false
		}
	}
	return true
}

// downSince returns the time since which both members of a pair have been present and
// one of them has said that they are not connected. A member that has said goodbye to
// the other needs no connection.
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
	return m.began.Add(max(first, m.seen[a].since, m.seen[b].since)), first != isUp
}

// reaches reports whether a member's stream to another one is alive, as far as the two
// say.
func (m *Mesh) reaches(from, to int) bool {
	f, t := m.rows[from].view, m.rows[to].view
	return (f == nil || f.Link(to)&Outbound != 0) && (t == nil || t.Link(from)&Inbound != 0)
}

// isDisputed reports whether one member of a pair says that a stream between them is
// alive while the other one denies it.
func (m *Mesh) isDisputed(a, b int) bool {
	v, w := m.rows[a].view, m.rows[b].view
	if v == nil || w == nil {
		return false
	}
	return (v.Link(b)&Outbound != 0) != (w.Link(a)&Inbound != 0) ||
		(w.Link(a)&Outbound != 0) != (v.Link(b)&Inbound != 0)
}

// Reach returns the other members that say whether they are connected to a member:
// first those that are, then those that are not.
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
