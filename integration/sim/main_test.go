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

// usual is how many members a ceremony has that does not grow.
const usual = 10

var sizes = flag.String("members", strconv.Itoa(usual), "how many members, for each of the ceremonies that grow")

func TestMain(m *testing.M) {
	// The race detector's notes about a bubble's timers are one thread's: Go 1.26
	// crashes when two goroutines of a bubble look at timers that are due on two.
	if raceDetector {
		runtime.GOMAXPROCS(1)
	}
	// The first to listen to signals starts a goroutine that stays for ever. fx
	// would be the first, in a bubble, which would never end then.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	signal.Stop(signals)
	goleak.VerifyTestMain(m)
}

// inVirtualTime runs a test in a bubble: its clock stands still while anything
// computes, and jumps when everything waits. The bubble panics when a goroutine
// is left in it.
func inVirtualTime(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// ofEachSize runs a test in virtual time for each number of members that was
// asked for.
func ofEachSize(t *testing.T, test func(t *testing.T, w *world, n int)) {
	t.Helper()
	ofSizes(t, *sizes, len(delays), test) // at least one in each city
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
