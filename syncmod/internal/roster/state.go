package roster

import "time"

// State is what a roster's further behaviour depends on, times aside. A program
// that explores rosters takes it out of one with [Roster.State], compares it, and
// goes on from it with [Roster.Restore]. What only reports show is not in it.
type State struct {
	Phase              Phase
	Step, Passed, Last int64

	Open          bool
	Rounds        int
	AllConnected  bool
	WantConnected bool

	Attempt    [8]byte
	HasAttempt bool

	Failure  *Failure
	Aborting bool

	Members []MemberState
}

// MemberState is what a roster's further behaviour depends on about one member.
type MemberState struct {
	Session  uint64
	Step     int64
	Done     bool
	Answered bool
	Known    bool
	First    int64
	Opened   time.Time

	Attempt    [8]byte
	HasAttempt bool

	In, Out         DirectionState
	Asked           bool
	Successor, Held StreamID
}

// DirectionState is what a roster's further behaviour depends on about a direction.
type DirectionState struct {
	Stream   StreamID
	Up, Ever bool
}

// State writes what the roster's behaviour depends on into s, whose Members has
// room for all.
func (r *Roster) State(s *State) {
	*s = State{
		Phase: r.phase, Step: r.step, Passed: r.passed, Last: r.last,
		Open: r.isOpen(), Rounds: r.rounds, AllConnected: r.allConnected, WantConnected: r.wantConnected,
		Attempt: r.attempt, HasAttempt: r.hasAttempt, Failure: r.failure, Aborting: r.aborting,
		Members: s.Members[:len(r.members)],
	}
	for i := range r.members {
		m := &r.members[i]
		s.Members[i] = MemberState{
			Session: m.Session, Step: m.Step, Done: m.Done, Answered: m.Answered,
			Known: m.known, First: m.first, Opened: m.opened, Attempt: m.attempt, HasAttempt: m.hasAttempt,
			In: m.in.state(), Out: m.out.state(), Asked: m.asked, Successor: m.successor, Held: m.held,
		}
	}
}

func (d *direction) state() DirectionState {
	return DirectionState{Stream: d.stream, Up: d.up, Ever: d.ever}
}

// Restore makes the roster what one with this configuration and this state is, to
// which everything has happened just now.
func (r *Roster) Restore(now time.Time, cfg Config, s *State) {
	members, events, repeat, ask := r.members[:0], r.pending.events[:0], r.pending.repeat[:0], r.pending.ask[:0]
	*r = Roster{
		cfg: cfg, phase: s.Phase, step: s.Step, passed: s.Passed, last: s.Last,
		announcedAt: now, runningSince: now, goodbyeSince: now,
		rounds: s.Rounds, allConnected: s.AllConnected, wantConnected: s.WantConnected,
		attempt: s.Attempt, hasAttempt: s.HasAttempt, failure: s.Failure, failedAt: now, aborting: s.Aborting,
		pending: pending{events: events, repeat: repeat, ask: ask},
	}
	if s.Open {
		r.openedAt = now
	}
	for i := range s.Members {
		members = append(members, s.Members[i].restore(now, s.Step))
		if s.Members[i].Known {
			members[i].Version = cfg.VersionText
		}
	}
	r.members = members
	r.reschedule(now)
}

func (s *MemberState) restore(now time.Time, step int64) member {
	m := member{
		Member: Member{Session: s.Session, Step: s.Step, Done: s.Done, Answered: s.Answered, Since: now},
		stepAt: now, prevStepAt: now, known: s.Known, first: s.First, opened: s.Opened,
		attempt: s.Attempt, hasAttempt: s.HasAttempt,
		in: s.In.restore(now), out: s.Out.restore(now), asked: s.Asked,
		successor: s.Successor, held: s.Held, doneAt: now,
	}
	if m.isAt(step) {
		m.arrived = step
	}
	return m
}

func (s DirectionState) restore(now time.Time) direction {
	return direction{stream: s.Stream, up: s.Up, ever: s.Ever, last: now, since: now}
}
