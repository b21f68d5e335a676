package roster

import "slices"

// Clone copies a roster, so that tests can compare its states before and after.
func (r *Roster) Clone() *Roster {
	c := *r
	c.members = slices.Clone(r.members)
	c.pending.repeat = slices.Clone(r.pending.repeat)
	c.pending.ask = slices.Clone(r.pending.ask)
	c.pending.events = slices.Clone(r.pending.events)
	return &c
}

// WithoutFailure returns a copy as if the roster had not failed, so that everything
// else can be compared. It also leaves out which stream is held, which members were
// asked, and which other processes ask.
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
