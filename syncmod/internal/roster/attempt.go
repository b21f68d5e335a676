package roster

import "time"

// Sessions returns the sessions of all members in operator order, as they were when
// this node passed barrier 1. It includes this node's own session, and 0 for a
// foreign member. It returns nil before barrier 1. The caller makes a digest of the
// sessions and passes it to [Roster.SetAttempt]. Requests name this digest as their
// attempt from step 2 on.
func (r *Roster) Sessions() []uint64 { return r.sessions }

// SetAttempt sets the attempt that this node is in. If a member has named another
// attempt, the ceremony fails.
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

// isOtherAttempt reports whether a request comes from another attempt than this
// node's. Comparing the sessions of two members would not show that: each of the
// two may have met a different process of a third member (docs/protocol.md,
// "Sessions and restarts").
func (r *Roster) isOtherAttempt(q Request) bool {
	return q.HasAttempt && q.Step > 1 && r.hasAttempt && q.Attempt != r.attempt
}
