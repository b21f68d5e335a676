package roster

import (
	"slices"
	"time"
)

// State is everything that decides how a roster will behave, except for times. Of the
// times, it has only the order in which streams arrived (Opened). A program that
// explores rosters takes the state with [Roster.State], compares it, and continues
// from it with [Roster.Restore]. A State leaves out whatever only appears in reports.
// Its fields mean the same as the unexported fields of Roster with the same names;
// Open says whether the ceremony is open.
type State struct {
	Phase              Phase
	Step, Passed, Last int64

	Open          bool
	Rounds        int
	AllConnected  bool
	WantConnected bool

	Attempt    [8]byte
	HasAttempt bool

	Attestation *Attestation

	Failure  *Failure
	Aborting bool

	Members []MemberState
}

// MemberState is the part of a State about one member. Its fields mean the same
// as the fields of a member with the same names.
type MemberState struct {
	Session  uint64
	Step     int64
	Done     bool
	Answered bool
	Known    bool
	First    int64
	Opened   time.Time

	Attempt     [8]byte
	HasAttempt  bool
	Attestation *Attestation

	In, Out         DirectionState
	Asked           bool
	Successor, Held StreamID
}

// DirectionState is the part of a State about one direction: its stream, whether
// that stream is alive, and whether one ever was.
type DirectionState struct {
	Stream   StreamID
	Up, Ever bool
}

// State writes the roster's state into s. The Members of s must have room for all
// members.
func (r *Roster) State(s *State) {
	*s = State{
		Phase: r.phase, Step: r.step, Passed: r.passed, Last: r.last,
		Open: r.isOpen(), Rounds: r.rounds, AllConnected: r.allConnected, WantConnected: r.wantConnected,
		Attempt: r.attempt, HasAttempt: r.hasAttempt, Attestation: r.attestation,
		Failure: r.failure, Aborting: r.aborting,
		Members: s.Members[:len(r.members)],
	}
	for i := range r.members {
		m := &r.members[i]
		s.Members[i] = MemberState{
			Session: m.Session, Step: m.Step, Done: m.Done, Answered: m.Answered,
			Known: m.known, First: m.first, Opened: m.opened,
			Attempt: m.attempt, HasAttempt: m.hasAttempt, Attestation: m.attestation,
			In: m.in.state(), Out: m.out.state(), Asked: m.asked, Successor: m.successor, Held: m.held,
		}
	}
}

func (d *direction) state() DirectionState {
	return DirectionState{Stream: d.stream, Up: d.up, Ever: d.ever}
}

// Restore gives the roster this configuration and this state, as if everything had
// happened just now.
func (r *Roster) Restore(now time.Time, cfg Config, s *State) {
	members := slices.Grow(r.members[:0], len(s.Members))[:len(s.Members)]
	p := &r.pending
	*r = Roster{
		cfg: cfg, members: members, phase: s.Phase, step: s.Step, passed: s.Passed, last: s.Last,
		announcedAt: now, runningSince: now, goodbyeSince: now,
		rounds: s.Rounds, allConnected: s.AllConnected, wantConnected: s.WantConnected,
		attempt: s.Attempt, hasAttempt: s.HasAttempt, attestation: s.Attestation,
		failure: s.Failure, failedAt: now, aborting: s.Aborting,
		pending: pending{events: p.events[:0], repeat: p.repeat[:0], ask: p.ask[:0]},
	}
	if s.Open {
		r.openedAt = now
	}
	for i := range s.Members {
		m := &members[i]
		m.restore(now, &s.Members[i])
		if m.known {
			m.Version = cfg.VersionText
		}
		if m.isAt(s.Step) {
			m.arrived = s.Step
		}
	}
	r.reschedule(now)
}

func (m *member) restore(now time.Time, s *MemberState) {
	*m = member{stepAt: now, prevStepAt: now, doneAt: now}
	m.Session, m.Step, m.Done, m.Answered, m.Since = s.Session, s.Step, s.Done, s.Answered, now
	m.known, m.first, m.opened = s.Known, s.First, s.Opened
	m.attempt, m.hasAttempt, m.attestation = s.Attempt, s.HasAttempt, s.Attestation
	m.asked, m.successor, m.held = s.Asked, s.Successor, s.Held
	m.in.restore(now, s.In)
	m.out.restore(now, s.Out)
}

func (d *direction) restore(now time.Time, s DirectionState) {
	d.stream, d.up, d.ever, d.last, d.since = s.Stream, s.Up, s.Ever, now, now
}
