package roster

import "slices"

// Clone copies a roster, so that tests can compare what it was with what it is.
func (r *Roster) Clone() *Roster {
	c := *r
	c.members = slices.Clone(r.members)
	c.pending.repeat = slices.Clone(r.pending.repeat)
	c.pending.ask = slices.Clone(r.pending.ask)
	c.pending.events = slices.Clone(r.pending.events)
	return &c
}

// WithoutFailure is a copy as it would be had the roster not failed, to compare
// everything else. Which stream is held, whom it has asked, and who asks beside the
// process that answers, is left out, too.
func (r *Roster) WithoutFailure(phase Phase) *Roster {
	c := r.Clone()
	c.phase = phase
	c.failure = nil
	c.failedAt = r.openedAt
	c.aborting = false
	for i := range c.members {
		c.members[i].held, c.members[i].asked, c.members[i].rival = 0, false, rival{}
	}
	c.schedule = schedule{}
	c.pending = pending{}
	return c
}
