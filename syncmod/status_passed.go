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
	Kind   string    // connected, step (the last barrier too), or shutdown (the goodbyes)
	Step   int64     // the step of the barrier; for the other kinds, the step that this node was at
	Name   string    // the step's name, if it has one
	Since  time.Time // when this node's wait began
	Passed time.Time // when the wait ended
	Last   int       // operator index of the member that arrived last

	// Arrivals says when this node saw each member reach the step, by operator index. It is
	// nil for a barrier that is not of kind step. Statuses share it: do not change it.
	Arrivals []time.Time
}

// Behind returns how much later the last member reached the step than the one before it.
// It is 0 for a barrier that is not of kind step.
func (b PassedBarrier) Behind() time.Duration {
	return report.Behind(b.Arrivals)
}

// MarshalJSON writes a barrier for people to read.
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

// maxPassed is the number of passed barriers that are always kept. At most twice as many
// are kept.
const maxPassed = 100

// notePassed keeps a barrier for statuses. The caller holds the lock. The part of the
// list that statuses share is never overwritten: new barriers are appended after it, or
// the list is copied.
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
