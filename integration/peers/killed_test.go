package peers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestKilledEarlyIsWaitedFor(t *testing.T) {
	c := harness.New(t, 3)
	c.Start(0, 1)
	killed := c.Spawn(2)
	c.Connect(0, 1)
	killed.Wait(isConnected)

	killed.Kill()
	untilAll(c, []int{0, 1}, carolIsLost)
	waiting := enter(c, []int{0, 1}, await)
	goesOn(t, c, syncmod.Connecting, 0, 1)

	again := c.Spawn(2)
	well(t, waiting)
	finish(t, c, again, 0, 1)
}

func TestKilledBeforeStep1MayComeBack(t *testing.T) {
	c := harness.New(t, 3, harness.With(harness.Patient()))
	c.Start(0, 1)
	killed := c.Spawn(2)
	c.Connect(0, 1)
	waiting := enter(c, []int{0, 1}, advance)
	untilAll(c, []int{0, 1}, harness.In(syncmod.Running))

	killed.Kill()
	untilAll(c, []int{0, 1}, carolIsLost)
	again := c.Spawn(2)

	again.Advance()
	well(t, waiting)
	again.Wait(hasPassed(1))
}

func TestKilledWhileRunningIsNamed(t *testing.T) {
	c := harness.New(t, 3)
	killed := run(c)

	elapsed := harness.Stopwatch(t)
	killed.Kill()

	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)
	require.Less(t, elapsed(), harness.Fast().PeerTimeout+time.Second)
}

func TestKilledWhileRunningMustWait(t *testing.T) {
	c := harness.New(t, 3, harness.With(harness.Patient()))
	killed := run(c)

	killed.Kill()
	again := c.Spawn(2)

	c.FailWith([]int{0, 1}, syncmod.ErrPeerRestarted, 2)
	waits := again.Wait(func(r harness.Report) bool {
		return len(r.Waiting) == 2 && r.Waiting[0] != "" && r.Waiting[1] != ""
	})
	for _, why := range waits.Waiting {
		require.Contains(t, why, "its attempt has failed: operator 2 (carol) restarted")
	}
	require.Equal(t, syncmod.Connecting.String(), waits.Phase)
}

func TestKilledBeforeTheEndFails(t *testing.T) {
	c := harness.New(t, 3)
	killed := run(c)
	waiting := enter(c, []int{0, 1}, complete)
	untilAll(c, []int{0, 1}, harness.In(syncmod.Completing))

	killed.Kill()

	for i, err := range outcome(t, waiting) {
		require.Equal(t, c.Nodes[i].Ceremony.Err(), err)
	}
	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)
}

// A member that has announced the last barrier has done its work. Nobody needs it any longer.
func TestKilledAtTheEndFailsNothing(t *testing.T) {
	config := harness.Patient()
	config.GoodbyeTimeout = time.Second
	c := harness.New(t, 3, harness.With(config))
	killed := run(c)
	killed.Complete()
	waiting := enter(c, []int{1}, complete)
	untilAll(c, []int{0, 1}, atStep2(2))

	killed.Kill()
	untilAll(c, []int{0, 1}, carolIsLost)
	last := enter(c, []int{0}, complete)

	for _, waited := range []<-chan map[int]error{waiting, last} {
		requireUnheard(t, outcome(t, waited), 2)
	}
	goesOn(t, c, syncmod.Complete, 0, 1)
}

func TestKilledAfterGoodbyesIsNotMissed(t *testing.T) {
	c := harness.New(t, 3)
	killed := run(c)
	finish(t, c, killed, 0, 1)

	killed.Kill()

	goesOn(t, c, syncmod.Complete, 0, 1)
}

// run brings a whole cluster past the barrier of step 1. carol runs in a process of her
// own, which the function returns.
func run(c *harness.Cluster) *harness.Process {
	p := c.Spawn(carol)
	others := c.Except(carol)
	c.Start(others...)
	p.Advance()
	c.Advance(others...)
	p.Wait(hasPassed(1))
	return p
}

// finish takes a process and running nodes from wherever they are to the end.
func finish(t *testing.T, c *harness.Cluster, p *harness.Process, nodes ...int) {
	t.Helper()
	p.Advance()
	c.Advance(nodes...)
	p.Complete()
	c.Complete(nodes...)
	require.Empty(t, p.Wait(isNow(syncmod.Complete)).Returned)
}

// requireUnheard requires that each of these waits has ended without the goodbye of one
// member.
func requireUnheard(t *testing.T, errs map[int]error, member int) {
	t.Helper()
	for i, err := range errs {
		var wait *syncmod.WaitError
		require.ErrorAs(t, err, &wait, harness.Name(i))
		require.Len(t, wait.Missing, 1, "%s: %v", harness.Name(i), err)
		require.Equal(t, member, wait.Missing[0].Index, harness.Name(i))
		require.ErrorContains(t, err, "to say goodbye: "+harness.Name(member))
	}
}
