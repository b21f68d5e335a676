package sim

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// roundTrips is how long a barrier may take when packets get lost, in round trips over
// the longest link. If a packet is not acknowledged within a little more than a round
// trip, QUIC sends it again, as two packets. If those two are not acknowledged either,
// QUIC sends the packet again after twice that time. That makes 1.5 round trips if one
// packet gets lost, and 4 if its repetitions get lost too.
const roundTrips = 8

// Every link loses packets. The ceremony completes, and no barrier takes longer than
// the network needs to repeat a packet.
func TestLostPacketsCostRoundTrips(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05} {
		t.Run(fmt.Sprintf("%g percent", 100*loss), func(t *testing.T) {
			ofEachSize(t, func(t *testing.T, w *world, n int) {
				w.lose(loss)
				w.start(n)

				diaries := begin(w, w.ceremonies(), work).end().complete(t)

				took, goodbyes := diaries.barriers(), diaries.goodbyes()
				t.Logf("barriers: median %s, longest %s; the last one and the goodbyes: %s",
					took[len(took)/2], took[len(took)-1], goodbyes)
				require.LessOrEqual(t, took[len(took)-1], roundTrips*2*farthest)
				require.LessOrEqual(t, goodbyes, 2*roundTrips*2*farthest)
			})
		})
	}
}
