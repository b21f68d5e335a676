package roster

import (
	"errors"
	"slices"
	"time"
)

// Config is what a roster knows from the start.
type Config struct {
	Members     int           // how many members there are, this node included
	Self        int           // this node's operator index
	Version     Version       // this node's version
	VersionText string        // the same as it was written
	PeerTimeout time.Duration // how long a member may be gone once the ceremony runs; not positive: for ever
	Dead        [][]uint64    // for each member, sessions that belong to ceremonies that are over; nil: none
}

// Phase is how far the ceremony has come.
type Phase int

// The phases, in order. Complete and Failed are final.
const (
	Connecting Phase = iota // until step 1 is announced
	Running                 // from step 1
	Completing              // from the announcement of the last barrier
	Complete
	Failed
)

const (
	// excuse is how long a member that has said its own goodbye may fail to
	// answer ours before its answer is no longer needed.
	excuse = 5 * time.Second
	// foreignGrace is how long after a failure a new stream without a session
	// number is still taken for a part of the failed attempt.
	foreignGrace = 5 * time.Second
	// lossGrace is how long a member whose stream was lost may always try to come
	// back, however long it has not been heard: this node itself may have been
	// frozen, and then it is everyone else who seems to be gone.
	lossGrace = time.Second
	// deadSessions bounds the memory of replaced sessions for each member.
	deadSessions = 256
)

// ErrOutOfTurn refuses a step that is neither the current one nor, once the
// current barrier is passed, the next one.
var ErrOutOfTurn = errors.New("step out of turn")

// StreamID names a stream. The caller hands numbers out, each once; 0 is none.
type StreamID uint64

// direction is one of the two streams between this node and a member.
type direction struct {
	stream StreamID  // the current one, 0 when there is none
	up     bool      // an exchange has succeeded on it and it is alive
	ever   bool      // there has been such a stream
	last   time.Time // when the last valid message came
	since  time.Time // since when it has been up or not
}

// Member is what is known of another member.
type Member struct {
	Step     int64 // the last step seen, -1 when none was
	Done     bool  // it has said goodbye
	Answered bool  // it has answered ours
	Nickname string
	Version  string

	Inbound, Outbound bool // connected, by direction
	Relayed           bool // the outbound stream runs through a relay
	LastSeen          time.Time
	Since             time.Time // since when it has been connected both ways, or not
	RTT               time.Duration
	Reconnects        int   // streams to it that had to be opened again
	Attempts          int   // failed attempts to open one, in a row
	LastError         error // why the last one failed or ended
}

type member struct {
	Member
	stepAt, prevStepAt time.Time // when its step became what it is, and the one before

	known   bool   // a request has been accepted: session says which process that was
	session uint64 // 0: a foreign peer, which has none
	dead    []uint64
	opened  time.Time // when the newest of the inbound streams that have been current arrived

	in, out   direction
	successor StreamID // an inbound stream that takes over as soon as the current one's handler has returned

	outSession uint64 // what our current stream's responses carry, 0 when nothing yet
	answeredBy uint64 // what the last answer carried, also while a new stream has not been answered yet
	outBasis   uint64 // the member's session as known when that stream was opened
	outKnown   bool   // whether any was known then

	doneAt  time.Time // when it said goodbye
	arrived int64
}

// Roster is one ceremony as this node sees it. It is not safe for concurrent
// use: the ceremony holds its lock around every call.
type Roster struct {
	cfg     Config
	members []member

	phase  Phase
	step   int64 // the last step this node has announced
	passed int64 // the last barrier it has passed
	last   int64 // the last barrier of the ceremony, 0 while not known

	started       time.Time
	announcedAt   time.Time
	runningSince  time.Time
	farewellSince time.Time
	connected     int  // how often everyone has become connected
	allConnected  bool // everyone is connected now
	wantConnected bool // somebody waits for everyone to be connected

	failure  *Failure
	failedAt time.Time

	events []Event
}

// New starts a roster.
func New(now time.Time, cfg Config) *Roster {
	r := &Roster{cfg: cfg, members: make([]member, cfg.Members), started: now}
	for i := range r.members {
		r.members[i].Step = -1
		if cfg.Dead != nil {
			r.members[i].dead = slices.Clone(cfg.Dead[i])
		}
		r.members[i].in.since, r.members[i].out.since, r.members[i].Since = now, now, now
	}
	return r
}

// Buried returns the sessions of a member that no later ceremony may take for its
// own: once this one is over, the one that it has left step 1 with, and those
// that were dead before. From step 1 a member can still be met anew, in a
// ceremony that it waits in.
func (r *Roster) Buried(i int) []uint64 {
	m := &r.members[i]
	dead := slices.Clone(m.dead)
	if r.phase >= Complete && m.session != 0 && m.Step > 1 {
		dead = append(dead, m.session)
	}
	return dead[max(0, len(dead)-deadSessions):]
}

// Events returns what happened since the last call. The slice is valid until
// the next fact.
func (r *Roster) Events() []Event {
	events := r.events
	r.events = r.events[:0]
	return events
}

// Phase returns the phase.
func (r *Roster) Phase() Phase { return r.phase }

// Step returns the last step announced by this node.
func (r *Roster) Step() int64 { return r.step }

// Passed returns the last barrier that this node has passed.
func (r *Roster) Passed() int64 { return r.passed }

// Last returns the last barrier of the ceremony, 0 while it is not known.
func (r *Roster) Last() int64 { return r.last }

// Failure returns why the ceremony failed, or nil.
func (r *Roster) Failure() *Failure { return r.failure }

// Member returns what is known of a member.
func (r *Roster) Member(i int) Member {
	m := r.members[i].Member
	m.Inbound, m.Outbound = r.members[i].in.up, r.members[i].out.up
	m.LastSeen = later(r.members[i].in.last, r.members[i].out.last)
	return m
}

// AnnouncedAt returns when this node announced its step.
func (r *Roster) AnnouncedAt() time.Time { return r.announcedAt }

// Farewell tells whether the last barrier is passed: the ceremony has
// succeeded, and only goodbyes are left.
func (r *Roster) Farewell() bool { return r.last > 0 && r.passed >= r.last }

// over tells whether nothing can fail this ceremony any more.
func (r *Roster) over() bool { return r.phase >= Complete || r.Farewell() }

// AwaitConnected notes that somebody waits for everyone to be connected, and
// returns how often everyone has become so.
func (r *Roster) AwaitConnected(now time.Time) int {
	r.wantConnected = true
	r.check(now)
	return r.connected
}

// Connected tells whether everyone is connected now, and how often everyone has
// become so.
func (r *Roster) Connected() (bool, int) { return r.allConnected, r.connected }

// Announce is this node's own step: the current one again, or the next one once
// the current barrier is passed. With last, it is the ceremony's last barrier.
func (r *Roster) Announce(now time.Time, step int64, last bool) error {
	if r.phase >= Complete {
		return ErrOutOfTurn
	}
	repeated := step == r.step && step > 0
	next := step == r.step+1 && r.passed == r.step && r.last == 0
	switch {
	case repeated && last && r.last == 0:
		return ErrOutOfTurn // its announcement did not say that it is the last
	case repeated:
		return nil
	case !next:
		return ErrOutOfTurn
	}
	r.step = step
	r.announcedAt = now
	if r.phase == Connecting {
		r.phase = Running
		r.runningSince = now
	}
	if last {
		r.last = step
		r.phase = Completing
	}
	r.emit(Event{Type: Announced, Member: r.cfg.Self, Step: step})
	r.check(now)
	return nil
}

// Fail ends the ceremony for a reason of this node's own. It tells whether the
// reason is the one that counts: nothing fails a ceremony twice, or after its
// last barrier.
func (r *Roster) Fail(now time.Time, f Failure) bool {
	if r.over() {
		return false
	}
	r.failure = &f
	r.failedAt = now
	r.phase = Failed
	r.emit(Event{Type: CeremonyFailed, Member: f.Culprit, Step: r.step})
	return true
}

// Finish ends the goodbyes: the ceremony is complete, whoever has not said it.
func (r *Roster) Finish() {
	if r.Farewell() && r.phase < Complete {
		r.complete()
	}
}

// MissingConnected lists the members that are not connected both ways.
func (r *Roster) MissingConnected() []int {
	return r.which(func(m *member) bool { return !m.in.up || !m.out.up })
}

// MissingAt lists the members that the barrier of a step waits for.
func (r *Roster) MissingAt(step int64) []int {
	return r.which(func(m *member) bool { return !r.isAt(m, step) })
}

// MissingGoodbyes lists the members that have not said goodbye, or have not
// answered ours.
func (r *Roster) MissingGoodbyes(now time.Time) []int {
	return r.which(func(m *member) bool { return !m.Done || !m.Answered && !r.excused(now, m) })
}

func (r *Roster) which(missing func(*member) bool) []int {
	var out []int
	for i := range r.members {
		if i != r.cfg.Self && missing(&r.members[i]) {
			out = append(out, i)
		}
	}
	return out
}

// Arrivals returns when each member reached the barrier of a step that this
// node has passed, indexed by operator; this node's own entry is its
// announcement.
func (r *Roster) Arrivals(step int64) []time.Time {
	at := make([]time.Time, len(r.members))
	for i := range r.members {
		m := &r.members[i]
		if i == r.cfg.Self {
			at[i] = r.announcedAt
			continue
		}
		at[i] = m.stepAt
		if m.Step == step+1 {
			at[i] = m.prevStepAt
		}
		if step == 1 { // it needs our stream to the member, too
			at[i] = later(at[i], m.out.since)
		}
	}
	return at
}

// isAt is the rule of a barrier: a member counts as being at step k when the
// last step seen from it is k or k+1, for somebody always goes first.
//
// Barrier 1 also needs an answer from the member to a request of ours, on a
// stream that is alive and from the process that we hear. Without it, a node
// that hears everyone at 1 could announce 2 to a member that has seen nothing
// of it yet, and be taken for one that has restarted.
func (r *Roster) isAt(m *member, step int64) bool {
	if m.Step != step && m.Step != step+1 {
		return false
	}
	return step > 1 || m.out.up && (m.answeredBy == 0 || m.session == 0 || m.answeredBy == m.session)
}

// check looks whether this node's barrier is passed, cannot be passed any more,
// or everyone is connected.
func (r *Roster) check(now time.Time) {
	if r.phase >= Complete {
		return
	}
	r.checkConnected()
	if r.Farewell() {
		r.checkGoodbyes(now)
		return
	}
	needed := r.step
	if r.wantConnected {
		needed = max(needed, 1)
	}
	waiting := false
	for i := range r.members {
		if i == r.cfg.Self {
			continue
		}
		m := &r.members[i]
		switch {
		case m.Done && m.Step < needed:
			r.Fail(now, Failure{Kind: PeerLeft, Culprit: i, By: i, From: m.Step, To: needed})
			return
		case r.step > r.passed && m.Step >= r.step+2:
			r.Fail(now, Failure{Kind: LeftBehind, Culprit: i, By: i, From: r.step, To: m.Step})
			return
		case r.step == r.passed:
		case !r.isAt(m, r.step):
			waiting = true
		case m.arrived != r.step:
			m.arrived = r.step
			r.emit(Event{Type: Arrived, Member: i, Step: r.step})
		}
	}
	if r.step == r.passed || waiting {
		return
	}
	r.passed = r.step
	r.emit(Event{Type: Passed, Member: r.cfg.Self, Step: r.step})
	if r.Farewell() {
		r.farewellSince = now
		r.checkGoodbyes(now)
	}
}

func (r *Roster) checkConnected() {
	all := true
	for i := range r.members {
		if i != r.cfg.Self && (!r.members[i].in.up || !r.members[i].out.up) {
			all = false
			break
		}
	}
	if all && !r.allConnected {
		r.connected++
		r.emit(Event{Type: AllConnected, Member: r.cfg.Self})
	}
	r.allConnected = all
}

func (r *Roster) checkGoodbyes(now time.Time) {
	for i := range r.members {
		m := &r.members[i]
		if i != r.cfg.Self && (!m.Done || !m.Answered && !r.excused(now, m)) {
			return
		}
	}
	r.complete()
}

func (r *Roster) complete() {
	r.phase = Complete
	r.emit(Event{Type: Completed, Member: r.cfg.Self, Step: r.step})
}

// excused tells whether a member's answer to our goodbye is no longer needed:
// it has said its own, and has not been reached for a while.
func (r *Roster) excused(now time.Time, m *member) bool {
	return m.Done && !now.Before(r.excusedAt(m))
}

// excusedAt is when that while is over. It does not begin before the member has
// said its own goodbye: it is there then, and may be waiting for ours.
func (r *Roster) excusedAt(m *member) time.Time {
	return later(later(r.farewellSince, m.doneAt), m.out.last).Add(excuse)
}

// goneSince tells since when a member has been gone from a ceremony that runs,
// the last message in a direction that was connected and is not now, and until
// when it may be.
func (r *Roster) goneSince(m *member) (since, until time.Time, gone bool) {
	for _, d := range []*direction{&m.in, &m.out} {
		if !d.ever || d.up {
			continue
		}
		at := later(d.last, r.runningSince)
		end := later(at.Add(r.cfg.PeerTimeout), d.since.Add(min(lossGrace, r.cfg.PeerTimeout)))
		if !gone || end.Before(until) {
			since, until, gone = at, end, true
		}
	}
	return since, until, gone && !m.Done
}

// Tick tells the roster the time, and returns when it wants to be told again;
// the zero time means not before something else has happened.
func (r *Roster) Tick(now time.Time) (next time.Time) {
	soonest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	switch {
	case r.phase >= Complete:
	case r.Farewell():
		for i := range r.members {
			m := &r.members[i]
			if i != r.cfg.Self && m.Done && !m.Answered && !r.excused(now, m) {
				soonest(r.excusedAt(m))
			}
		}
		r.checkGoodbyes(now)
	case r.phase != Connecting && r.cfg.PeerTimeout > 0:
		for i := range r.members {
			if i == r.cfg.Self {
				continue
			}
			since, until, gone := r.goneSince(&r.members[i])
			if !gone {
				continue
			}
			if !now.Before(until) {
				r.Fail(now, Failure{Kind: PeerTimeout, Culprit: i, By: i, Gone: now.Sub(since)})
				return time.Time{}
			}
			soonest(until)
		}
	}
	return next
}

func (r *Roster) emit(e Event) { r.events = append(r.events, e) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
