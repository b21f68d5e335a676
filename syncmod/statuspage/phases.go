package statuspage

import (
	"errors"
	"fmt"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Phase is a part of a ceremony: the connections, a step or the goodbyes. A [syncmod.Phase] is
// something else: the state of a whole ceremony. A member that arrives at the barrier of a step
// has finished the previous step.
type Phase struct {
	Name  string     `json:"name"`  // as the page shows it
	State PhaseState `json:"state"` // how far the ceremony is with it
	Text  string     `json:"text"`  // more about the state, in a few words; may be empty
}

// PhaseState says how far a ceremony is with a phase.
type PhaseState string

// The states of a phase.
const (
	PhaseAhead   PhaseState = "ahead"   // it has not begun
	PhaseWorking PhaseState = "working" // this node is working on it
	PhaseWaiting PhaseState = "waiting" // this node is waiting for others to finish it
	PhaseDone    PhaseState = "done"    // everyone has finished it
	PhaseFailed  PhaseState = "failed"  // the ceremony failed during it
)

// phases returns the phases of a ceremony. A rehearsal has none.
func (v view) phases() []Phase {
	s := v.status
	if s.Observes {
		return []Phase{}
	}
	passed := make(map[int64]syncmod.PassedBarrier)
	for _, b := range s.Passed {
		if b.Kind == "step" {
			passed[b.Step] = b
		}
	}
	at := s.Step // the phase that this node, or another member, must finish
	if _, begun := passed[at]; !begun && at > 0 {
		at--
	}
	steps := int64(len(s.Steps))
	if steps == 0 { // the number of steps is unknown
		steps = max(at, s.Step-1)
	}
	over := s.Phase == syncmod.Complete || at > steps
	all := []Phase{v.phase("Connect", 0, at, over, passed)}
	for step := int64(1); step <= steps; step++ {
		name := fmt.Sprint(step)
		if of := v.nameOf(step); of != "" {
			name += " " + of
		}
		all = append(all, v.phase(name, step, at, over, passed))
	}
	return append(all, v.goodbyes(over))
}

func (v view) phase(name string, step, at int64, over bool, passed map[int64]syncmod.PassedBarrier) Phase {
	p := Phase{Name: name, State: PhaseAhead, Text: "to come"}
	w := v.wait
	switch end, done := passed[step+1]; {
	case done && step == 0:
		p.State, p.Text = PhaseDone, took(end.Passed.Sub(v.connecting()))
	case done:
		p.State, p.Text = PhaseDone, v.lastOf(end)
	case over || step < at:
		p.State, p.Text = PhaseDone, "done"
	case v.status.Phase == syncmod.Failed && step == at:
		p.State, p.Text = PhaseFailed, "failed"
		if errors.Is(v.status.Err, syncmod.ErrResultMismatch) {
			p.Text = "the results differ"
		}
	case v.status.Phase == syncmod.Failed:
		p.Text = "not reached"
	case step > at:
	case w != nil:
		p.State, p.Text = PhaseWaiting, "waiting for "+v.whom(w)
	case step == 0:
		p.State, p.Text = PhaseWaiting, "waiting for this node"
	default:
		p.State, p.Text = PhaseWorking, "this node is working on it"
	}
	return p
}

// connecting returns when this node began to wait for connections.
func (v view) connecting() time.Time {
	for _, b := range v.status.Passed {
		if b.Kind == "connected" {
			return b.Since
		}
	}
	return v.status.Passed[0].Since
}

// took says how long a phase took, if that was more than a moment.
func took(d time.Duration) string {
	if d < time.Second {
		return "done"
	}
	return "took " + spell(d)
}

// lastOf says which member was last to finish a step, and by how much.
func (v view) lastOf(end syncmod.PassedBarrier) string {
	behind := end.Behind()
	if behind < tell {
		return "done"
	}
	who := "this node"
	if end.Last != v.self {
		who = v.names[end.Last]
	}
	return who + " last, by " + spell(behind)
}

func (v view) goodbyes(over bool) Phase {
	p := Phase{Name: "Goodbyes", State: PhaseAhead, Text: "to come"}
	w := v.wait
	switch {
	case v.status.Phase == syncmod.Failed:
		p.Text = "not reached"
	case v.status.Phase == syncmod.Complete && w != nil:
		p.State = PhaseWaiting
		p.Text = list(possessive(v.whoms(w))) + plural(len(w.Missing), " is missing", " are missing")
	case v.status.Phase == syncmod.Complete:
		p.State, p.Text = PhaseDone, "done"
	case over && w != nil:
		p.State, p.Text = PhaseWaiting, "waiting for "+v.whom(w)
	}
	return p
}
