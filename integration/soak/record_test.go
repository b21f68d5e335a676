package soak

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// record notes which node announced which step and which passed its barrier, in one
// order for all nodes. It notes an announcement before the node makes it, and a passed
// barrier after the test has learned of it. So a wrong time in the record may hide a
// fault, but never invents one.
type record struct {
	mu     sync.Mutex
	events []event
}

type event struct {
	node   int
	step   int
	passed bool
}

func (e event) String() string {
	if e.passed {
		return fmt.Sprintf("%d passed %d", e.node, e.step)
	}
	return fmt.Sprintf("%d announces %d", e.node, e.step)
}

func (r *record) note(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, e := range r.events {
		lines = append(lines, e.String())
	}
	return strings.Join(lines, "\n")
}

// check looks for a node that passed a barrier before every member had announced the
// step.
func (r *record) check(members int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, e := range r.events {
		if !e.passed {
			continue
		}
		for i := range members {
			if !slices.Contains(r.events[:at], event{node: i, step: e.step}) {
				return fmt.Errorf("node %d passed the barrier of step %d before node %d announced it",
					e.node, e.step, i)
			}
		}
	}
	return nil
}

func TestAnEarlyPassIsFound(t *testing.T) {
	var r record
	r.note(event{node: 0, step: 1})
	r.note(event{node: 1, step: 1})
	r.note(event{node: 1, step: 1, passed: true})
	require.NoError(t, r.check(2))

	r.note(event{node: 1, step: 2})
	r.note(event{node: 1, step: 2, passed: true})
	r.note(event{node: 0, step: 2})

	require.EqualError(t, r.check(2), "node 1 passed the barrier of step 2 before node 0 announced it")
}
