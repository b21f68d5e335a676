package roster

import "time"

// Sessions returns the sessions of all members in operator order, this node's
// included and 0 for a foreign member's, as they were when this node passed
// barrier 1. It returns nil before that. The caller makes a digest of them, the
// attempt that requests name from step 2 on, and tells it with [Roster.SetAttempt].
func (r *Roster) Sessions() []uint64 { return r.sessions }

// SetAttempt tells which attempt this node is in. A member that has named another
// one fails the ceremony.
func (r *Roster) SetAttempt(now time.Time, attempt [8]byte) {
	r.attempt, r.hasAttempt = attempt, true
	for i := range r.members {
		if m := &r.members[i]; m.hasAttempt && m.attempt != attempt {
			r.Fail(now, about(AttemptMismatch, i))
			return
		}
	}
}

// keepSessions notes who takes part in this attempt.
func (r *Roster) keepSessions() {
	r.sessions = make([]uint64, len(r.members))
	for i := range r.members {
		r.sessions[i] = r.members[i].Session
	}
	r.sessions[r.cfg.Self] = r.cfg.Session
}

// isOtherAttempt tells whether a request comes from another attempt than ours. The
// sessions of two members tell them nothing of a third one: each of the two may
// have another process of it in mind (docs/protocol.md, "Sessions and restarts").
func (r *Roster) isOtherAttempt(q Request) bool {
	return q.HasAttempt && q.Step > 1 && r.hasAttempt && q.Attempt != r.attempt
}
