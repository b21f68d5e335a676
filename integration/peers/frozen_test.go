package peers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// attentive returns a configuration in which a silent stream is given up long before
// its member is.
func attentive() syncmod.Config {
	config := harness.Fast()
	config.ExchangeTimeout, config.PeerTimeout = 500*time.Millisecond, 10*time.Second
	return config
}

// strict returns a configuration in which a member may be gone only for a moment.
func strict() syncmod.Config {
	config := harness.Fast()
	config.ExchangeTimeout, config.PeerTimeout = 500*time.Millisecond, time.Second
	return config
}

func TestFrozenEarlyIsWaitedFor(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	c.Start(0, 1)
	frozen := c.Spawn(2)
	c.Connect(0, 1)
	frozen.Wait(isConnected)

	frozen.Freeze()
	untilAll(c, []int{0, 1}, carolIsSilent)
	<-time.After(2 * strict().PeerTimeout) // a running ceremony would have failed by now
	goesOn(t, c, syncmod.Connecting, 0, 1)

	frozen.Thaw()
	finish(t, c, frozen, 0, 1)
}

func TestThawedInTimeGoesOn(t *testing.T) {
	c := harness.New(t, 3, harness.With(attentive()))
	frozen := run(c)

	frozen.Freeze()
	waiting := enter(c, []int{0, 1}, advance)
	untilAll(c, []int{0, 1}, carolIsSilent)
	frozen.Thaw()

	frozen.Advance()
	well(t, waiting)
	finish(t, c, frozen, 0, 1)
}

// The freeze is so short that no stream is lost, and nobody notices.
func TestFrozenBrieflyLosesNoStream(t *testing.T) {
	c := harness.New(t, 3)
	frozen := run(c)
	lostBefore := c.Reconnects(0, 1)

	frozen.Freeze()
	waiting := enter(c, []int{0, 1}, advance)
	<-time.After(300 * time.Millisecond) // six heartbeats without an answer
	frozen.Thaw()

	frozen.Advance()
	well(t, waiting)
	require.Equal(t, lostBefore, c.Reconnects(0, 1))
}

func TestFrozenTooLongIsNamed(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	frozen := run(c)

	elapsed := harness.Stopwatch(t)
	frozen.Freeze()

	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)
	require.Less(t, elapsed(), strict().PeerTimeout+time.Second)
}

func TestThawedTooLateFailsToo(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	frozen := run(c)
	frozen.Freeze()
	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)

	frozen.Thaw()

	require.Contains(t, frozen.Wait(isNow(syncmod.Failed)).Error, "has been gone for")
}

// To a thawed member, all others seem to have been gone.
func TestThawedTooLateBlamesNobody(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	frozen := run(c)
	frozen.Freeze()
	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)

	frozen.Thaw()

	// It gives the reason that the others told it.
	require.Contains(t, frozen.Wait(isNow(syncmod.Failed)).Error, "operator 2 (carol) has been gone for")
}

func TestFrozenBeforeTheEndFails(t *testing.T) {
	c := harness.New(t, 3, harness.With(strict()))
	frozen := run(c)
	waiting := enter(c, []int{0, 1}, complete)
	untilAll(c, []int{0, 1}, harness.In(syncmod.Completing))

	frozen.Freeze()

	for i, err := range outcome(t, waiting) {
		require.Equal(t, c.Nodes[i].Ceremony.Err(), err)
	}
	c.FailWith([]int{0, 1}, syncmod.ErrPeerTimeout, 2)
}

func TestFrozenAtTheEndCompletes(t *testing.T) {
	config := attentive()
	config.GoodbyeTimeout = harness.Patience
	c := harness.New(t, 3, harness.With(config))
	frozen := run(c)
	frozen.Complete()
	waiting := enter(c, []int{1}, complete)
	untilAll(c, []int{0, 1}, atStep2(2))

	frozen.Freeze()
	last := enter(c, []int{0}, complete)
	untilAll(c, []int{0, 1}, carolIsSilent)
	frozen.Thaw()

	well(t, waiting)
	well(t, last)
	require.Empty(t, frozen.Wait(isNow(syncmod.Complete)).Returned)
}

func TestFrozenDuringGoodbyesFailsNothing(t *testing.T) {
	config := attentive()
	config.GoodbyeTimeout = time.Second
	c := harness.New(t, 3, harness.With(config))
	frozen := run(c)
	frozen.Complete()
	waiting := enter(c, []int{1}, complete)
	untilAll(c, []int{0, 1}, atStep2(2))

	frozen.Freeze()
	last := enter(c, []int{0}, complete)
	for _, waited := range []<-chan map[int]error{waiting, last} {
		requireUnheard(t, outcome(t, waited), 2)
	}
	goesOn(t, c, syncmod.Complete, 0, 1)

	frozen.Thaw()
	frozen.Wait(isNow(syncmod.Complete))
	goesOn(t, c, syncmod.Complete, 0, 1)
}
