package kubo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// work is the program that does the work of all members' steps, when the test lets it.
type work struct {
	t      *testing.T
	server *httptest.Server
	began  chan job
}

// job is a member's request for the work of a step.
type job struct {
	member, step int
	done         chan struct{} // the test closes it when the work is done
}

func newWork(t *testing.T) *work {
	t.Helper()
	w := &work{t: t, began: make(chan job)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{member}/{step}", w.serve)
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	return w
}

func (w *work) url(member, step int) string {
	return fmt.Sprintf("%s/%d/%d", w.server.URL, member, step)
}

// serve answers when the work is done, or when the member has stopped waiting.
func (w *work) serve(_ http.ResponseWriter, r *http.Request) {
	member, _ := strconv.Atoi(r.PathValue("member"))
	step, _ := strconv.Atoi(r.PathValue("step"))
	j := job{member: member, step: step, done: make(chan struct{})}
	select {
	case w.began <- j:
	case <-r.Context().Done():
		return
	}
	select {
	case <-j.done:
	case <-r.Context().Done():
	}
}

// all waits until every member has begun the given step. It fails the test
// if a member begins another step first.
func (w *work) all(step int) (jobs [members]job) {
	w.t.Helper()
	late := time.After(patience)
	for begun := range members {
		select {
		case j := <-w.began:
			require.Equal(w.t, step, j.step, "the step that %s begins", harness.Name(j.member))
			require.Nil(w.t, jobs[j.member].done, "%s begins step %d again", harness.Name(j.member), step)
			jobs[j.member] = j
		case <-late:
			require.Fail(w.t, "a step does not begin", "%d of %d members are in step %d", begun, members, step)
		}
	}
	return jobs
}
