package roster_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// drawWorld draws a cluster of honest nodes.
func drawWorld(t *rapid.T) *world {
	n := rapid.IntRange(2, 5).Draw(t, "members")
	foreign := make([]bool, n)
	for i := range foreign {
		foreign[i] = rapid.IntRange(0, 4).Draw(t, "foreign") == 4
	}
	return newWorld(t, n, rapid.Int64Range(1, 4).Draw(t, "last barrier"), foreign)
}

// Safety and honesty are checked after every event; see [world.check]. Then the
// network works, and the ceremony has to come to its end.
func TestHonestNodesNeverFailAndAlwaysFinish(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range rapid.IntRange(0, 400).Draw(t, "events") {
			w.step()
		}
		w.tell("from here on the network works")
		rounds := 10 + 3*int(w.last)
		for range rounds {
			w.behave()
		}
		for _, p := range w.nodes {
			if p.roster.Phase() != roster.Complete {
				t.Fatalf("%v is in phase %d after %d rounds on a network that works, at step %d; waits for %s, goodbyes of %s",
					p, p.roster.Phase(), rounds, p.roster.Step(), nameList(p.roster.MissingAt(p.roster.Step())),
					nameList(p.roster.MissingGoodbyes(w.now)))
			}
		}
	})
}
