package display

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// reportOf returns a report on two nodes that connected a second ago and are at step 1.
func reportOf(t *testing.T) *Report {
	t.Helper()
	r := New(io.Discard, Ceremony{Members: []string{"alice", "bob"}, Steps: []string{"deal", "respond"}})
	for i := range r.nodes {
		r.Arrived(i, 0)
		r.Passed(i, 1, syncmod.Status{Since: time.Now().Add(-time.Second)})
	}
	return r
}

func TestReportSeesLockstep(t *testing.T) {
	t.Parallel()
	r := reportOf(t)
	r.Arrived(0, 2)
	r.Arrived(1, 2)
	r.Passed(1, 2, syncmod.Status{})
	require.NoError(t, r.lockstep())
}

func TestReportSeesWhoIsEarly(t *testing.T) {
	t.Parallel()
	const early = "not in lockstep: operator 0 (alice) passed barrier 2 before operator 1 (bob) had arrived"
	r := reportOf(t)
	r.Arrived(0, 2)
	r.Passed(0, 2, syncmod.Status{})
	require.EqualError(t, r.lockstep(), early)
	r.Arrived(1, 2)
	r.Passed(1, 2, syncmod.Status{})
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

func TestOperatorsInRanges(t *testing.T) {
	t.Parallel()
	require.Equal(t, "operator 4", operators([]int{4}))
	require.Equal(t, "operators 0-2, 5, 7-8", operators([]int{2, 0, 1, 8, 7, 5}))
}
