package roster_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// clusters calls a test for every size of cluster, without and with foreign nodes.
func clusters(t *testing.T, test func(t *rapid.T, n int, mixed bool)) {
	for n := 2; n <= 5; n++ {
		for _, mixed := range []bool{false, true} {
			t.Run(fmt.Sprintf("members=%d,foreign=%v", n, mixed), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { test(t, n, mixed) })
			})
		}
	}
}

// drawWorld draws a cluster of honest nodes.
func drawWorld(t *rapid.T, n int, mixed bool) *world {
	foreign := make([]bool, n)
	for i := range foreign {
		foreign[i] = mixed && rapid.Bool().Draw(t, "foreign")
	}
	last := rapid.Int64Range(1, 4).Draw(t, "last barrier")
	results := make([]*roster.Attestation, n)
	if same := attestationOf(rapid.SampledFrom([]string{"", "aa"}).Draw(t, "results")); same != nil {
		for i := range results {
			results[i] = same
		}
	}
	return newWorld(t, last, foreign, results)
}

// No matter what the network does to honest nodes, no node passes a barrier before
// every node has announced it, and no node fails. After every event, [world.check]
// checks this. Once the network works, every node finishes.
func TestHonestMembersAlwaysFinish(t *testing.T) {
	clusters(t, func(t *rapid.T, n int, mixed bool) {
		w := drawWorld(t, n, mixed)
		for range rapid.IntRange(0, 100*n).Draw(t, "events") {
			w.step()
		}
		w.log("from here on the network works")
		w.finish()
	})
}

// Members with different results never pass the last barrier, no matter what the
// network does. Once the network works, each member fails because of the results:
// another member tells it of the difference, or it notices the difference itself.
func TestDifferentResultsFailAllMembers(t *testing.T) {
	clusters(t, func(t *rapid.T, n int, mixed bool) {
		w := drawWorld(t, n, mixed)
		one := rapid.IntRange(0, n-1).Draw(t, "who differs")
		w.setResult(one, attestationOf(rapid.SampledFrom([]string{"bb", "cc"}).Draw(t, "other result")))
		differs := w.nodes[one].session != 0 && slices.ContainsFunc(w.nodes, func(p *process) bool {
			return p.session != 0 && p.index != one
		})
		steps := rapid.IntRange(0, 100*n).Draw(t, "events")
		for range steps {
			w.step()
		}
		for range 10 + 3*int(w.last) {
			w.behave()
		}
		for _, p := range w.nodes {
			switch {
			case p.session == 0 || !differs:
			case !p.failed():
				t.Fatalf("%v has not failed, in phase %d", p, p.roster.Phase())
			case steps == 0 && !mixed && p.failure.Kind != roster.ResultMismatch:
				t.Fatalf("%v has failed for another reason: %s", p, failureWords(p.failure))
			}
		}
	})
}

// setResult changes the result of a node that has announced nothing yet.
func (w *world) setResult(i int, a *roster.Attestation) {
	w.results[i] = a
	if err := w.nodes[i].roster.Attest(a); err != nil {
		w.t.Fatalf("%v cannot attest anything: %v", w.nodes[i], err)
	}
}

// finish lets the network work until the ceremony has had time to end.
func (w *world) finish() {
	rounds := 10 + 3*int(w.last)
	for range rounds {
		w.behave()
	}
	for _, p := range w.nodes {
		if r := p.roster; r.Phase() != roster.Complete {
			b, _ := r.Waiting()
			w.t.Fatalf("%v is in phase %d after %d rounds on a network that works, at step %d, %s: %s",
				p, r.Phase(), rounds, r.Step(), waitWords(b), nameList(r.Missing(w.now, b)))
		}
	}
}
