package check_test

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

var (
	named     = flag.Bool("named", false, "explore the named configurations")
	deep      = flag.Bool("deep", false, "explore larger ones as well")
	firstSeed = flag.Uint64("seed", 0, "of the random walks; 0: any")
)

// workers is how many configurations are explored at the same time.
const workers = 2

// small returns configurations that take only a moment, with every kind of event. With
// the race detector they are fewer.
func small() []config {
	all := []config{
		{name: "2 nodes, a loss", size: 2, last: 2, losses: 1},
		{name: "2 nodes, 1 foreign, a loss", size: 2, last: 2, losses: 1, foreign: nodes(0)},
		{name: "2 nodes, a restart", size: 2, last: 2, restarts: 1, restartAt: steps{0, 2}},
		{name: "2 nodes, a crash", size: 2, last: 2, crashes: 1, crashAt: steps{0, 2}},
		{name: "2 nodes, an abort and a loss", size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, losses: 1},
		{name: "2 nodes, an impatient abort", size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, impatient: true},
		{name: "2 nodes, a timeout and a loss", size: 2, last: 2, timeouts: 1, losses: 1},
		{name: "2 nodes, 1 late, a loss", size: 2, last: 1, late: nodes(1), losses: 1},
		{name: "2 nodes that leave, a loss", size: 2, last: 1, leaves: true, losses: 1},
		{name: "2 nodes, an abort and the next attempt", size: 2, last: 1, aborts: 1, attempts: 1},
		{
			name: "2 nodes, a restart and the next attempt",
			size: 2, last: 2, restarts: 1, restartAt: steps{1, 1}, attempts: 1,
		},
		{name: "2 nodes that leave, and the next attempt", size: 2, last: 1, leaves: true, attempts: 1},
		{name: "2 nodes that begin again twice", size: 2, last: 1, aborts: 2, attempts: 2, again: true},
		{name: "2 nodes with different results, a loss", size: 2, last: 2, differ: nodes(1), losses: 1},
		{name: "2 nodes, a migration and a loss", size: 2, last: 2, migrations: 1, losses: 1},
		{name: "3 nodes", size: 3, last: 2},
	}
	if raced {
		return all[:len(all)-2]
	}
	return all
}

// large returns the named configurations. The largest come first, so that the workers
// end at the same time.
func large() []config {
	return []config{
		{name: "3 nodes, 3 steps, a loss", size: 3, last: 3, losses: 1},
		{name: "3 nodes, 2 steps, a loss, 1 foreign", size: 3, last: 2, losses: 1, foreign: nodes(2)},
		{
			name: "2 nodes, 3 steps, a restart up to step 2, 2 losses",
			size: 2, last: 3, restarts: 1, restartAt: steps{0, 2}, losses: 2,
		},
		{name: "3 nodes, 3 steps, a migration", size: 3, last: 3, migrations: 1},
		{name: "3 nodes, 2 steps, a restart at 0, no late frames", size: 3, last: 2, restarts: 1, tidy: true},
		{name: "3 nodes, 2 steps, an abort up to step 1", size: 3, last: 2, aborts: 1, abortAt: steps{0, 1}},
		{
			name: "2 nodes, an abort and the next attempt, a loss",
			size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, attempts: 1, losses: 1,
		},
		{
			name: "2 nodes, a restart and the next attempt, a loss",
			size: 2, last: 2, restarts: 1, restartAt: steps{0, 1}, attempts: 1, losses: 1,
		},
		{
			name: "2 nodes, an abort and a restart at 0, the next attempt",
			size: 2, last: 2, aborts: 1, restarts: 1, attempts: 1,
		},
		{
			name: "2 nodes that begin again, two aborts",
			size: 2, last: 2, aborts: 2, abortAt: steps{0, 1}, attempts: 2, again: true,
		},
		{
			name: "2 nodes that begin again, an abort and a restart",
			size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, restarts: 1, restartAt: steps{0, 1},
			attempts: 2, again: true,
		},
		{
			name: "2 nodes that begin again, two restarts",
			size: 2, last: 2, restarts: 2, restartAt: steps{0, 1}, attempts: 2, again: true,
		},
		{name: "3 nodes, 1 with another result", size: 3, last: 2, differ: nodes(2)},
		{name: "2 nodes with different results, 2 losses", size: 2, last: 2, differ: nodes(1), losses: 2},
		{name: "2 nodes, 3 steps, 3 losses", size: 2, last: 3, losses: 3},
		{name: "2 nodes, 3 steps, 2 losses, a migration", size: 2, last: 3, losses: 2, migrations: 1},
		{name: "2 nodes, a restart at 0, a loss", size: 2, last: 2, restarts: 1, losses: 1},
		{name: "2 nodes, two restarts at 0", size: 2, last: 2, restarts: 2},
		{
			name: "2 nodes, 3 steps, an abort up to step 2, 2 losses",
			size: 2, last: 3, aborts: 1, abortAt: steps{0, 2}, losses: 2,
		},
		{
			name: "2 nodes, an impatient abort, a loss",
			size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, losses: 1, impatient: true,
		},
		{name: "2 nodes, a crash, a loss", size: 2, last: 2, crashes: 1, crashAt: steps{0, 2}, losses: 1},
		{name: "2 nodes, a timeout, 2 losses", size: 2, last: 2, timeouts: 1, losses: 2},
		{name: "2 nodes, 1 foreign, 2 losses", size: 2, last: 2, losses: 2, foreign: nodes(0)},
		{name: "2 nodes, 2 foreign, 2 losses", size: 2, last: 2, losses: 2, foreign: nodes(0, 1)},
		{name: "2 nodes, both late, 2 losses", size: 2, last: 2, losses: 2, late: nodes(0, 1)},
		{name: "2 nodes that leave, 2 losses", size: 2, last: 2, losses: 2, leaves: true},
		{
			name: "2 nodes that leave, and the next attempt, a loss",
			size: 2, last: 2, losses: 1, leaves: true, attempts: 1,
		},
		{name: "walks: 3 nodes, a restart", size: 3, last: 2, restarts: 1, restartAt: steps{0, 1}, walks: 20_000},
		{
			name: "walks: 3 nodes, 3 steps, a restart, 2 losses",
			size: 3, last: 3, restarts: 1, restartAt: steps{0, 2}, losses: 2, walks: 10_000,
		},
		{name: "walks: 3 nodes, two restarts", size: 3, last: 2, restarts: 2, restartAt: steps{0, 1}, walks: 10_000},
		{
			name: "walks: 3 nodes, a restart and next attempts, a loss",
			size: 3, last: 2, restarts: 1, restartAt: steps{0, 1}, losses: 1, attempts: 3, walks: 10_000,
		},
		{
			name: "walks: 3 nodes, an abort and next attempts, a loss",
			size: 3, last: 2, aborts: 1, abortAt: steps{0, 1}, losses: 1, attempts: 3, walks: 10_000,
		},
		{
			name: "walks: 3 nodes that begin again, two aborts and a restart, a loss",
			size: 3, last: 2, aborts: 2, abortAt: steps{0, 1}, restarts: 1, restartAt: steps{0, 1}, losses: 1,
			attempts: 4, again: true, walks: 10_000,
		},
		{
			name: "walks: 3 nodes, an abort, 2 losses",
			size: 3, last: 2, aborts: 1, abortAt: steps{0, 1}, losses: 2, walks: 10_000,
		},
		{
			name: "walks: 3 nodes, 1 foreign, 1 late, 2 losses",
			size: 3, last: 2, losses: 2, foreign: nodes(0), late: nodes(1), walks: 10_000,
		},
	}
}

// larger returns configurations that take long or need much memory.
func larger() []config {
	return []config{
		{
			name: "2 nodes that begin again, two aborts, a loss",
			size: 2, last: 2, aborts: 2, abortAt: steps{0, 1}, attempts: 2, again: true, losses: 1,
		},
		{
			name: "3 nodes, 2 steps, a restart at 1, no late frames",
			size: 3, last: 2, restarts: 1, restartAt: steps{1, 1}, tidy: true,
		},
		{name: "2 nodes, 3 steps, 4 losses", size: 2, last: 3, losses: 4},
		{name: "2 nodes, 3 steps, 2 losses, 2 migrations", size: 2, last: 3, losses: 2, migrations: 2},
		{
			name: "2 nodes, two restarts, the next attempt, a loss",
			size: 2, last: 2, restarts: 2, attempts: 1, losses: 1,
		},
		{
			name: "2 nodes, an abort and two more attempts",
			size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, restarts: 1, attempts: 2,
		},
		{name: "3 nodes, 2 steps, a loss, 2 foreign", size: 3, last: 2, losses: 1, foreign: nodes(1, 2)},
		{
			name: "walks: 3 nodes, a restart, many",
			size: 3, last: 2, restarts: 1, restartAt: steps{0, 1}, walks: 500_000,
		},
		{
			name: "walks: 3 nodes, 3 steps, everything",
			size: 3, last: 3, restarts: 1, restartAt: steps{0, 2}, aborts: 1, abortAt: steps{0, 2},
			losses: 2, migrations: 1, attempts: 4, walks: 200_000,
		},
	}
}

// The named configurations; make check runs them.
func TestNamedConfigurations(t *testing.T) {
	if !*named {
		t.Skip("make check explores them")
	}
	all := large()
	if *deep {
		all = append(larger(), all...)
	}
	seed := rand.Uint64()
	next := make(chan *config)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for c := range next {
				t.Run(c.name, func(t *testing.T) { run(t, c) })
				runtime.GC() // the last search left much memory
			}
		})
	}
	for k := range all {
		if all[k].seed = *firstSeed; all[k].seed == 0 {
			all[k].seed = seed
		}
		next <- &all[k]
	}
	close(next)
	working.Wait()
}
