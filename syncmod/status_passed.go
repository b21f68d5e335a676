package syncmod

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// PassedBarrier is a barrier that this node has passed.
type PassedBarrier struct {
	Kind   string    // connected, step or shutdown
	Step   int64     // the step that it was about; of the others, the one that this node was at
	Name   string    // the step's name, if it has one
	Since  time.Time // when this node's wait began
	Passed time.Time // when it ended
	Last   int       // operator index of the last member to arrive

	// Arrivals says when each member reached a step, by operator index, as this node has
	// seen it; nil for the other kinds. Statuses share it: do not change it.
	Arrivals []time.Time
}

// Behind is how much later than the last but one the last member reached the step; 0
// for the other kinds of barrier.
func (b PassedBarrier) Behind() time.Duration {
	return report.Behind(b.Arrivals)
}

// MarshalJSON writes a barrier as a person would want to read it.
func (b PassedBarrier) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind   string    `json:"kind"`
		Step   int64     `json:"step"`
		Name   string    `json:"name,omitempty"`
		Since  time.Time `json:"since"`
		Passed time.Time `json:"passed"`
		Last   int       `json:"last"`
		Behind string    `json:"behind,omitempty"`
	}{b.Kind, b.Step, b.Name, b.Since, b.Passed, b.Last, durationString(b.Behind())})
}

func durationString(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// maxPassed is how many passed barriers are kept at least; twice as many at most.
const maxPassed = 100

// notePassed keeps a barrier for statuses. The lock is held. What statuses have of the
// list is never written to: it grows behind that, or is copied.
func (c *core) notePassed(now time.Time, e roster.Event) {
	if len(c.passed) == 2*maxPassed {
		c.passed = slices.Clone(c.passed[maxPassed:])
	}
	b := PassedBarrier{
		Kind: e.Barrier.Kind.String(), Step: e.Barrier.Step, Since: e.Barrier.Since, Passed: now,
		Last: e.Last, Arrivals: e.Arrivals,
	}
	if e.Barrier.Kind == roster.BarrierStep {
		b.Name = c.stepName
	}
	c.passed = append(c.passed, b)
}
