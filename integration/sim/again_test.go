package sim

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// few and many are the numbers of members in ceremonies whose nodes begin again.
const few, many = 4, 50

// strays is how many attempts may end without a fault of their own. A member that has
// not noticed that the previous attempt is over can end the next one; see
// docs/guarantees.md. A stray is rare: it happens only if two members begin again
// within the time that a message takes, and once it has happened, the member knows
// that the previous attempt is over.
const strays = 2

var seed = flag.Uint64("seed", 1, "the seed of the faults of nodes that begin again")

// At random, processes restart and steps fail in every phase of a ceremony, while other
// steps take long. Every node begins again until the ceremony is complete on all nodes,
// and no node makes more attempts than there are reasons for.
//
// Only faults end attempts. A fault ends the attempt in which it happens, so it costs
// each node at most one attempt. While the nodes are connecting, it costs only its own
// node an attempt. If one failure led to the next, in a storm or a livelock, there
// would be no such bound. [strays] allows for a few more.
func TestAttemptsUntilAllComplete(t *testing.T) {
	ofSizes(t, fmt.Sprint(few, ",", *sizes), few, func(t *testing.T, w *world, n int) {
		if n > many {
			t.Skip("closing and opening this many hosts takes too long")
		}
		began := time.Now()
		nodes := w.runAgain(n, *seed)
		took := time.Since(began)

		faults, most, total := 0, 0, 0
		var story strings.Builder
		for i, a := range nodes {
			faults, most, total = faults+a.struck, max(most, len(a.attempts)), total+len(a.attempts)
			fmt.Fprintf(&story, "\nmember %d: %s", i, a)
		}
		t.Logf("seed %d: the last of %d members ended after %s, with %d faults; %d attempts, one member takes %d",
			*seed, n, took.Round(time.Millisecond), faults, total, most)
		defer func() {
			if t.Failed() {
				t.Log(&story)
			}
		}()
		for i, a := range nodes {
			require.LessOrEqual(t, len(a.attempts), a.most, "attempts of member %d", i)
			require.NoError(t, a.err, "member %d", i)
			require.Empty(t, a.faults, "faults of member %d that have not happened", i)
		}
	})
}

// runAgain runs n nodes until the ceremony is complete on each. They give up if one
// makes too many attempts, or if everything takes longer than the faults can explain.
func (w *world) runAgain(n int, seed uint64) []*again {
	random := rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // nobody gains by guessing it
	faults, def := drawFaults(random, n), w.settle(n)
	count := len(slices.Concat(faults...))
	ctx, giveUp := context.WithTimeout(context.Background(), time.Duration(1+count)*longestAttempt())
	defer giveUp()
	nodes := make([]*again, n)
	for i, m := range w.members {
		own := rand.New(rand.NewPCG(seed, uint64(n+1+i))) //nolint:gosec // likewise
		nodes[i] = &again{
			member: m, def: def, ctx: ctx, giveUp: giveUp, most: 1 + count + strays, faults: faults[i], random: own,
		}
	}
	w.separate(func(from, to *site) bool { return nodes[from.index].dead.Load() || nodes[to.index].dead.Load() })
	for _, a := range nodes { // one after another: the simulated network cannot start several at the same time
		a.open()
	}
	each(nodes, (*again).live)
	return nodes
}
