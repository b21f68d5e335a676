package sim

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// usual is the number of members in ceremonies of a fixed size.
const usual = 10

var sizes = flag.String("members", strconv.Itoa(usual), "how many members, for each of the ceremonies that grow")

func TestMain(m *testing.M) {
	// The race detector keeps notes about a bubble's timers per thread. Go 1.26 crashes
	// when two goroutines of a bubble, on two threads, look at timers that are due.
	if raceDetector {
		runtime.GOMAXPROCS(1)
	}
	// The first listener for signals starts a goroutine that never ends. If fx were the
	// first, in a bubble, the bubble would never end.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	signal.Stop(signals)
	goleak.VerifyTestMain(m)
}

// inVirtualTime runs a test in a bubble. The clock of the bubble stands still while
// anything computes, and jumps when everything waits. The bubble panics if a goroutine
// is left in it.
func inVirtualTime(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// ofEachSize runs a test in virtual time for each number of members on the command
// line.
func ofEachSize(t *testing.T, test func(t *testing.T, w *world, n int)) {
	t.Helper()
	ofSizes(t, *sizes, len(delays), test) // at least one member in each city
}

// ofSizes runs a test in virtual time for each number of members in a list.
func ofSizes(t *testing.T, list string, least int, test func(t *testing.T, w *world, n int)) {
	t.Helper()
	for size := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(size)
		require.NoError(t, err, "-members")
		require.GreaterOrEqual(t, n, least, "-members")
		t.Run(fmt.Sprintf("%d members", n), func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, w *world) { test(t, w, n) })
		})
	}
}
