package syncmod

import (
	"fmt"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/mesh"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// brokenAfter is the number of heartbeats for which two members must be disconnected
// before they count as a broken pair. A lost stream usually comes back sooner.
const brokenAfter = 3

// View implements stream.Ceremony.
func (c *core) View() *stream.View { return c.view.Load() }

// View implements stream.InboundFacts.
func (f *inboundFacts) View(bits []byte) {
	c := f.core
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.roster.Repeated(now, f.member, f.id) {
		return // the stream no longer counts
	}
	if c.mesh.Set(now, f.member, bits) {
		c.views[f.member] = nil
		c.handleView(now)
		c.arm(now)
	}
}

// handleView notes that a view has changed. The caller holds the lock.
func (c *core) handleView(now time.Time) {
	c.viewed = now
	broadcast(&c.watched)
}

// pairsDue returns the earliest time at which pairs can count as broken because of the
// last change of a view. It returns zero if those pairs have been shown.
func (c *core) pairsDue() time.Time {
	if c.viewed.IsZero() {
		return time.Time{}
	}
	return c.viewed.Add(brokenAfter * c.svc.cfg.Heartbeat)
}

// showPairs wakes watchers when pairs may have become broken because time has passed.
func (c *core) showPairs(now time.Time) {
	if due := c.pairsDue(); !due.IsZero() && !now.Before(due) {
		c.viewed = time.Time{}
		broadcast(&c.watched)
	}
}

// refreshView makes this node's own view again if its content has changed. The caller
// holds the lock.
func (c *core) refreshView(now time.Time) {
	if !c.viewStale {
		return
	}
	c.viewStale = false
	links := make([]mesh.Link, len(c.def.Peers))
	for i := range links {
		if i != c.terms.Self {
			links[i] = c.link(i)
		}
	}
	if view := mesh.NewView(links); c.mesh.Set(now, c.terms.Self, view) {
		c.view.Store(&stream.View{Bits: view})
		c.handleView(now)
	}
}

// link returns how this node sees a member.
func (c *core) link(member int) (l mesh.Link) {
	m := c.roster.Member(member)
	for _, bit := range [...]struct {
		is   bool
		link mesh.Link
	}{
		{m.Inbound, mesh.Inbound},
		{m.Outbound, mesh.Outbound},
		{m.Outbound && m.Relayed, mesh.Relayed},
		{m.Done, mesh.Done},
	} {
		if bit.is {
			l |= bit.link
		}
	}
	return l
}

// viewOf returns how a member sees every member, or nil if the member has not said it.
// It is made once for each view: with many members, a copy for each status would be
// large.
func (c *core) viewOf(member int) []Link {
	view := c.mesh.View(member)
	if view == nil || c.views[member] != nil {
		return c.views[member]
	}
	links := make([]Link, len(c.def.Peers))
	c.views[member] = links
	for i := range links {
		l := view.Link(i)
		links[i] = Link{
			Inbound: l&mesh.Inbound != 0, Outbound: l&mesh.Outbound != 0,
			Relayed: l&mesh.Relayed != 0, Done: l&mesh.Done != 0,
		}
	}
	return links
}

// broken returns the pairs of members that cannot reach each other, or only in one
// direction.
func (c *core) broken(now time.Time) []BrokenLink {
	var broken []BrokenLink
	for _, p := range c.mesh.Broken(now) {
		broken = append(broken, BrokenLink{
			A: p.A, B: p.B, Since: p.Since, aToB: p.AToB, bToA: p.BToA, disputed: p.Disputed,
			own: p.A == c.terms.Self || p.B == c.terms.Self,
		})
	}
	return broken
}

// reachText says which other members reach a member that this node is not connected
// with. That shows whether the trouble is here or there. It returns nothing in the
// first three heartbeats without the member, because the others may not have noticed a
// loss yet.
func (c *core) reachText(now time.Time, member int, since time.Time) string {
	if now.Sub(since) < brokenAfter*c.svc.cfg.Heartbeat {
		return ""
	}
	by, not := c.mesh.Reach(member)
	switch {
	case len(by) > 0 && len(by) >= len(not):
		return fmt.Sprintf("but %s: check this node's network", c.reachIt(by))
	case len(by) > 0:
		return fmt.Sprintf("only %s: check its network", c.reachIt(by))
	case len(not) == len(c.def.Peers)-2: // all but this node and the member
		return "nobody reaches it"
	case len(not) > 0:
		return c.names(not) + " cannot reach it either"
	}
	return ""
}

func (c *core) reachIt(by []int) string {
	if len(by) == 1 {
		return c.names(by) + " reaches it"
	}
	return c.names(by) + " reach it"
}

// names returns a list of members as a person would write it: "alice, bob, carol
// and 3 others".
func (c *core) names(members []int) string {
	var names []string
	for _, i := range members {
		names = append(names, c.called[i])
	}
	return list(names)
}

// who returns a text that says which members a wait is still waiting for, and why.
// The caller holds the lock.
func (c *core) who(now time.Time, missing []PeerStatus) string {
	return who(now, c.called, c.broken(now), missing)
}

// pairs returns broken pairs in the form of reports: "1-2".
func pairs(broken []BrokenLink) []string {
	var names []string
	for _, p := range broken {
		names = append(names, fmt.Sprintf("%d-%d", p.A, p.B))
	}
	return names
}
