package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// tolerated is what a barrier may take in addition to the time that its messages
// travel: the time to send the packets of all its messages over one link.
const tolerated = 2 * ms

// The members of a ceremony are on four continents. Each barrier takes as long as the
// last message travels, and no longer.
func TestABarrierTakesOneDelay(t *testing.T) {
	ofEachSize(t, func(t *testing.T, w *world, n int) {
		w.start(n)

		diaries := begin(w, w.ceremonies(), work).end().complete(t)

		for k := 1; k <= steps; k++ {
			took, over := diaries.barrier(k), diaries.overhead(k)
			t.Logf("barrier %d: %s from the last to enter to the last release; "+
				"every member was released at most %s after the last message had reached it",
				k, took, over)
			require.LessOrEqual(t, took, farthest+tolerated, "barrier %d", k)
			require.LessOrEqual(t, over, tolerated, "barrier %d", k)
		}
	})
}

// After the last barrier each member says goodbye and waits for the answer. That takes
// one delay for the barrier, and one round trip.
func TestGoodbyesTakeOneRoundTrip(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.start(usual)

		diaries := begin(w, w.ceremonies(), work).end().complete(t)

		took := diaries.goodbyes()
		t.Logf("the last barrier and the goodbyes: %s", took)
		require.LessOrEqual(t, took, 3*(farthest+tolerated))
	})
}

// Two ceremonies of the same members at the same time do not delay each other. They
// share only the links.
func TestTwoCeremoniesAtOnce(t *testing.T) {
	ofEachSize(t, func(t *testing.T, w *world, n int) {
		w.start(n)
		second := w.open(w.definition("another"))

		one := begin(w, w.ceremonies(), work)
		other := begin(w, second, func(member, step int) time.Duration { return work(member+5, step+1) })

		for _, diaries := range []diaries{one.end().complete(t), other.end().complete(t)} {
			for k := 1; k <= steps; k++ {
				require.LessOrEqual(t, diaries.overhead(k), 2*tolerated, "barrier %d", k)
			}
			require.LessOrEqual(t, diaries.goodbyes(), 3*(farthest+2*tolerated))
		}
	})
}

// open opens another ceremony on the members' services.
func (w *world) open(def syncmod.Definition) []*syncmod.Ceremony {
	w.t.Helper()
	all := make([]*syncmod.Ceremony, len(w.members))
	for i, m := range w.members {
		c, err := m.service.Open(def)
		require.NoError(w.t, err)
		all[i] = c
	}
	return all
}
