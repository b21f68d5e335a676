package statuspage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// aborted is a failure that carol has told of.
type aborted string

func (a aborted) Error() string        { return string(a) }
func (a aborted) Is(target error) bool { return target == syncmod.ErrPeerAborted }

func TestWhatAMemberToldIsTheReason(t *testing.T) {
	const advice = "; the ceremony cannot go on: stop every node and start the ceremony again together"
	const began = "It began at carol: carol's log has the whole reason."
	for _, told := range []struct {
		said, headline, short, isItMe string
	}{
		{
			"operator 2 (carol) restarted: its step went from 2 to 0" + advice,
			"carol's node restarted", "carol's node restarted", began,
		},
		{
			`operator 2 (carol) gave up: step "verify": the share of operator 1 does not fit`,
			`carol gave up: step "verify": the share of bob does not fit`, "carol gave up",
			"It lies between carol and bob: carol's log has the whole reason.",
		},
		{
			"operator 2 (carol) gave up: operator 0 (alice) sent nothing",
			"carol gave up: alice sent nothing", "carol gave up",
			"carol's reason names this node: carol's log has the whole reason.",
		},
		{"operator 2 (carol) gave up: the bob is full", "carol gave up: the bob is full", "carol gave up", began},
		{
			"operator 2 (carol) was stopped before the ceremony was complete" + advice,
			"carol's node was stopped", "carol's node was stopped", began,
		},
		{"operator 9 is gone", "carol ended it: operator 9 is gone", "carol ended it", began},
	} {
		err := &syncmod.PeerError{Index: 2, Err: aborted(fmt.Sprintf("ended the ceremony: %q%s", told.said, advice))}
		v := made(syncmod.Status{Phase: syncmod.Failed, Step: 2, Err: err, Peers: others(2, 2)})

		_, headline := v.headline()
		said := v.answers([]view{v})

		require.Equal(t, "The ceremony has failed: "+told.headline, headline)
		require.Equal(t, told.short, said.Failure.Short)
		require.NotContains(t, said.Failure.Text, `\"`)
		require.NotContains(t, said.Failure.Text, "again together")
		require.Equal(t, told.isItMe, said.IsItMe.Text)
	}
}

func TestOnlyTheMajorityIsProbablyRight(t *testing.T) {
	failed := syncmod.Status{Phase: syncmod.Failed, Step: 5, Err: syncmod.ErrResultMismatch, Peers: others(5, 5)}
	failed.Attested, failed.Peers[0].Attested = harness.Hash("a"), harness.Hash("a")
	failed.Peers[1].Attested = harness.Hash("b")
	v := made(failed)
	require.Equal(t, "carol has a result that differs", v.failure())
	require.Equal(t, Answer{"Probably not", "carol differs from this node and bob."}, v.answers(nil).IsItMe)
	d := v.detail(nil)
	require.False(t, d.Members[1].Trouble)
	require.True(t, d.Members[2].Trouble)
	require.Equal(t, "has a result that differs", d.Members[2].State)

	failed.Peers[0].Attested = harness.Hash("b")
	v = made(failed)
	require.Equal(t, "the members have different results", v.failure())
	require.Equal(t, "Perhaps", v.answers(nil).IsItMe.Short)
	require.Equal(t, "Yes, but keep the files", v.answers(nil).Close.Short)
}

func TestAPhaseIsDoneOnceEveryoneHasFinishedIt(t *testing.T) {
	const ahead, working, waiting, done, failed = PhaseAhead, PhaseWorking, PhaseWaiting, PhaseDone, PhaseFailed
	for _, one := range []struct {
		phase  syncmod.Phase
		step   int64
		passed int // steps whose barrier this node has passed
		states []PhaseState
	}{
		{syncmod.Connecting, 0, 0, []PhaseState{waiting, ahead, ahead, ahead, ahead}},
		{syncmod.Running, 1, 1, []PhaseState{done, working, ahead, ahead, ahead}},
		{syncmod.Running, 2, 2, []PhaseState{done, done, working, ahead, ahead}},
		{syncmod.Failed, 3, 2, []PhaseState{done, done, failed, ahead, ahead}}, // somebody had not finished step 2
		{syncmod.Failed, 3, 3, []PhaseState{done, done, done, failed, ahead}},
		{syncmod.Failed, 4, 3, []PhaseState{done, done, done, failed, ahead}},
		{syncmod.Complete, 4, 4, []PhaseState{done, done, done, done, done}},
	} {
		status := syncmod.Status{Phase: one.phase, Step: one.step, Steps: []string{"keys", "deal", "store"}}
		status.Passed = []syncmod.PassedBarrier{{Kind: "connected", Since: noon, Passed: noon}}
		for step := range one.passed {
			b := syncmod.PassedBarrier{Kind: "step", Step: int64(step) + 1, Passed: noon}
			status.Passed = append(status.Passed, b)
		}
		var states []PhaseState
		for _, p := range made(status).phases() {
			states = append(states, p.State)
		}
		require.Equal(t, one.states, states, "%s, step %d, %d passed", one.phase, one.step, one.passed)
	}
}
