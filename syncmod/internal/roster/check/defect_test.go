package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// This defect existed: a client addressed the process that had answered on the stream,
// so a goodbye that came first on a new stream never counted. One lost stream is enough
// to find it.
func TestAnUncountedGoodbyeIsFound(t *testing.T) {
	c := &config{size: 2, last: 1, losses: 1, byStream: true}
	x := search(c)

	var found []string
	for _, f := range x.findings {
		found = append(found, f.what)
	}
	require.Contains(t, found, "some complete and some wait")
	story := x.storyOf(x.findings[0].state, x.findings[0].event, x.findings[0].what)
	require.Contains(t, story, "addressee=none goodbye")
}

// Nodes may need one attempt more than there are faults. With one attempt fewer
// than that, they do not complete.
func TestAnAttemptTooFewIsFound(t *testing.T) {
	x := search(&config{size: 2, last: 1, aborts: 2, attempts: 1, again: true})

	require.Len(t, x.findings, 1)
	require.Equal(t, "the next attempt does not complete", x.findings[0].what)
}

// Only a fault may end an attempt.
func TestAFaultlessFailureIsFound(t *testing.T) {
	w := newWorld(&config{size: 2, last: 1, aborts: 1, attempts: 1, again: true})
	w.past.aborted, w.past.abortedAt = 0, 0
	w.nodes[1].attempt = 1
	r := w.begin(1)
	r.Fail(now, roster.Failure{Kind: roster.PeerAborted, Culprit: 0, By: 0, Reporter: -1})

	w.end(1)

	require.Contains(t, w.wrong, "the previous attempt makes the next one fail")
}
