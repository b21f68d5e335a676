package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// reportOf is a report on two nodes that are at step 1, connected a second ago.
func reportOf(t *testing.T) *report {
	t.Helper()
	p := plan{steps: stepNames(2), kill: -1, restart: -1, differ: -1}
	require.NoError(t, p.makeUp(2))
	r := newReport(io.Discard, p)
	for i := range r.nodes {
		r.arrived(i, 0)
		r.passed(i, 1, syncmod.Status{Since: time.Now().Add(-time.Second)})
	}
	return r
}

func TestReportSeesThatNodesAreInLockstep(t *testing.T) {
	t.Parallel()
	r := reportOf(t)
	r.arrived(0, 2)
	r.arrived(1, 2)
	r.passed(1, 2, syncmod.Status{})
	require.NoError(t, r.lockstep())
}

func TestReportSeesWhoDoesNotWait(t *testing.T) {
	t.Parallel()
	const early = "not in lockstep: operator 0 (alice) passed barrier 2 before operator 1 (bob) had arrived"
	r := reportOf(t)
	r.arrived(0, 2)
	r.passed(0, 2, syncmod.Status{})
	require.EqualError(t, r.lockstep(), early)
	r.arrived(1, 2)
	r.passed(1, 2, syncmod.Status{})
	require.EqualError(t, r.lockstep(), early)
}

func TestBriefDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		40 * time.Microsecond:     "0.0 ms",
		1234 * time.Microsecond:   "1.2 ms",
		345678 * time.Microsecond: "345 ms",
		61500 * time.Millisecond:  "61.50 s",
	} {
		require.Equal(t, want, brief(d))
	}
}

func TestOperatorsAreListedInRanges(t *testing.T) {
	t.Parallel()
	require.Equal(t, "operator 4", operators([]int{4}))
	require.Equal(t, "operators 0-2, 5, 7-8", operators([]int{2, 0, 1, 8, 7, 5}))
}
