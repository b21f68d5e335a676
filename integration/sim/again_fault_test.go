package sim

import (
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/dkgsync/dkgsync/syncmod"
)

// phase is where a fault happens.
type phase int

const (
	connecting phase = iota
	inStep
	atBarrier // the one behind a step
	phases
)

// fault happens to a node once: it waits for an attempt that comes so far.
//
// None happens at the last barrier. What ends a process there leaves it alone, when
// the others have passed that barrier already: no protocol can help that.
type fault struct {
	where phase
	step  int
	delay time.Duration // after the phase has begun
	fails bool          // a step returns an error; else the process ends, and another one starts
	// silent: the process ends as if its machine did, and tells nobody. Otherwise the
	// app stops, and then the host.
	silent bool
	down   time.Duration // until the next process starts
}

// How long things take, at most.
const (
	longestStep = 40 * time.Second
	longestDown = 90 * time.Second // PeerTimeout is 1 min
)

// drawFaults draws what happens to each of n nodes.
func drawFaults(random *rand.Rand, n int) [][]fault {
	all := make([][]fault, n)
	for range min(2*n, mostFaults) {
		f := fault{
			where: phase(random.IntN(int(phases))), step: 1 + random.IntN(steps),
			delay: time.Duration(random.Int64N(int64(2 * time.Second))), silent: random.IntN(2) == 0,
			down: time.Duration(random.Int64N(int64(10 * time.Second))),
		}
		f.fails = f.where == inStep && random.IntN(3) == 0
		if random.IntN(5) == 0 {
			f.down = time.Duration(random.Int64N(int64(longestDown)))
		}
		if f.where == atBarrier {
			f.step = 1 + random.IntN(steps-1) // not at the last one
			f.delay /= 10
		}
		i := random.IntN(n)
		all[i] = append(all[i], f)
	}
	return all
}

// mostFaults are enough for any number of members.
const mostFaults = 20

// workFor is how long a step takes: mostly a moment.
func workFor(random *rand.Rand) time.Duration {
	if random.IntN(50) == 0 {
		return time.Duration(random.Int64N(int64(longestStep)))
	}
	return time.Duration(random.Int64N(int64(400 * ms)))
}

// longestAttempt is what the faults themselves may cost for each attempt: the time
// until everyone notices the fault, the time in which there is no process, the pause,
// what libp2p waits before it dials again, and all steps.
func longestAttempt() time.Duration {
	c := syncmod.DefaultConfig()
	return c.PeerTimeout + longestDown + c.Retry.PauseMax*3/2 + swarm.BackoffMax + steps*longestStep
}
