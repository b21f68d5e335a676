package roster

import "time"

// keyInUseAfter is how long another process of a member must go on asking before
// the member's key counts as used by two processes. During that time, the process
// that answers this node must have answered, and the member must still be connected
// outbound. If one process has merely taken over from another, the new one answers
// this node well before that time.
const keyInUseAfter = 3 * time.Second

// rival is a second process of a member, beside the one that answers this node. It
// is only reported, here and in the answers to the second process, which then
// waits. No rule of this node reads it.
type rival struct {
	session     uint64
	since, last time.Time // when it began to ask, and when it last asked
	told        bool      // whether it was reported that the key is in use twice
}

// hearRival notes a request from a process of a member that is not the one that
// answers this node. It reports whether two processes use the member's key.
func (r *Roster) hearRival(now time.Time, i int, session uint64) bool {
	m := &r.members[i]
	if session != m.rival.session || now.Sub(m.rival.last) > keyInUseAfter {
		m.rival = rival{session: session, since: now}
	}
	m.rival.last = now
	inUse := r.KeyInUse(now, i)
	if inUse && !m.rival.told {
		m.rival.told = true
		r.emit(Event{Type: KeyInUse, Member: i})
	}
	return inUse
}

// KeyInUse reports whether two processes use a member's key: one answers this
// node, and another goes on asking.
func (r *Roster) KeyInUse(now time.Time, i int) bool {
	m := &r.members[i]
	// If the sessions are equal, the rival has become the process that answers this node; it had only asked before.
	return m.rival.session != m.Session &&
		m.rival.last.Sub(m.rival.since) >= keyInUseAfter && now.Sub(m.rival.last) <= keyInUseAfter &&
		m.out.up && m.out.last.After(m.rival.since)
}
