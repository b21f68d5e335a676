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
	atBarrier // the barrier that follows a step
	phases
)

// fault happens to a node once. It happens in the first attempt that reaches its
// phase and step.
//
// No fault happens at the last barrier. A process that ends there may be left alone,
// because the others may have passed that barrier. No protocol can prevent that.
type fault struct {
	where phase
	step  int
	delay time.Duration // from the beginning of the phase
	fails bool          // a step returns an error; otherwise the process ends, and another one starts
	// If silent is true, the process ends as if its machine died, and tells nobody.
	// Otherwise the app stops, and then the host.
	silent bool
	down   time.Duration // until the next process starts
}

// The longest duration of a step, and the longest time without a process.
const (
	longestStep = 40 * time.Second
	longestDown = 90 * time.Second // PeerTimeout is 1 min
)

// drawFaults draws the faults of each of n nodes.
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
			f.step = 1 + random.IntN(steps-1) // any barrier but the one after the last step
			f.delay /= 10
		}
		i := random.IntN(n)
		all[i] = append(all[i], f)
	}
	return all
}

// mostFaults bounds the faults, however many members there are.
const mostFaults = 20

// workFor draws the duration of a step. Most are short.
func workFor(random *rand.Rand) time.Duration {
	if random.IntN(50) == 0 {
		return time.Duration(random.Int64N(int64(longestStep)))
	}
	return time.Duration(random.Int64N(int64(400 * ms)))
}

// longestAttempt returns how long an attempt may last because of its faults: the time
// until everyone notices the fault, the time without a process, the pause, libp2p's pause
// before it dials again, and all steps.
func longestAttempt() time.Duration {
	c := syncmod.DefaultConfig()
	return c.PeerTimeout + longestDown + c.Retry.PauseMax*3/2 + swarm.BackoffMax + steps*longestStep
}
