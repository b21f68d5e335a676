package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A defect that there was: a client addressed the process that had answered on the
// stream, so that a goodbye that came first on a new one never counted. It takes
// one lost stream to find it.
func TestAGoodbyeThatDoesNotCountIsFound(t *testing.T) {
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
