package statuspage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

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
			`carol gave up in step 3 (verify) because of bob`, "carol gave up because of bob",
			"It lies between carol and bob: compare their logs before you start again.",
		},
		{
			"operator 2 (carol) gave up: operator 0 (alice) sent nothing",
			"carol gave up because of this node", "carol gave up because of this node",
			"carol's reason names this node: carol's log has the whole reason.",
		},
		{"operator 2 (carol) gave up: the bob is full", "carol gave up: the bob is full", "carol gave up", began},
		{
			"operator 2 (carol) was stopped before the ceremony was complete" + advice,
			"carol's node was stopped", "carol's node was stopped", began,
		},
		{
			"operator 2 (carol) runs v1.9, this node runs v1.0: all members need the same version" + advice,
			"carol runs another version", "carol runs another version", began,
		},
		{"operator 9 is gone", "carol ended it: operator 9 is gone", "carol ended it", began},
	} {
		err := &syncmod.PeerError{Index: 2, Err: aborted(fmt.Sprintf("ended the ceremony: %q%s", told.said, advice))}
		v := made(syncmod.Status{
			Phase: syncmod.Failed, Step: 2, Err: err, Peers: others(2, 2), Steps: []string{"keys", "deal", "verify"},
		})

		_, headline := v.headline()
		said := v.answers([]view{v})

		require.Equal(t, "The ceremony has failed: "+told.headline, headline)
		require.Equal(t, told.short, said.Failure.Short)
		require.NotContains(t, said.Failure.Text, `\"`)
		require.NotContains(t, said.Failure.Text, "again together")
		require.Equal(t, told.isItMe, said.IsItMe.Text)
	}
}

// differing is a failure by results that differ.
type differing string

func (d differing) Error() string        { return string(d) }
func (d differing) Is(target error) bool { return target == syncmod.ErrResultMismatch }

func TestOnlyTheMajorityIsProbablyRight(t *testing.T) {
	const advice = "; compare only the definition files and the results named here, and never show anyone a key file; the ceremony cannot go on: stop every node"
	for _, differ := range []struct{ text, headline, isItMe, why string }{
		{
			"the results differ: this node and operator 1 (bob) attest ab12…, " +
				"operator 2 (carol) attests 34cd…" + advice,
			"carol's result differs", "Probably not carol differs from this node and bob.",
			"This node and bob have ab12…; carol has 34cd…",
		},
		{
			`the results differ, according to operator 1 (bob): "the results differ: operator 0 (alice) and ` +
				`operator 1 (bob) attest ab12…, operator 2 (carol) attests nothing` + advice + `"`,
			"carol's result differs", "Probably not carol differs from this node and bob.",
			"This node and bob have ab12…; carol has nothing.",
		},
		{
			"the results differ: this node attests ab12…, " +
				"operator 1 (bob) and operator 2 (carol) attest 34cd…" + advice,
			"the members have different results",
			"Perhaps This node may be the one that differs: compare it with the others.",
			"The results differ: this node attests ab12…, bob and carol attest 34cd…; compare only the definition files and the results named here, and never show anyone a key file.",
		},
	} {
		v := made(syncmod.Status{
			Phase: syncmod.Failed, Step: 5, Err: differing(differ.text), Peers: others(5, 5),
		})
		said := v.answers(nil)
		require.Equal(t, differ.headline, v.failure())
		require.Equal(t, differ.isItMe, said.IsItMe.Short+" "+said.IsItMe.Text)
		require.Equal(t, differ.why, said.Failure.Text)
		require.Equal(t, neverUse, said.Close.Short)
		d := v.detail(nil)
		require.False(t, d.Members[1].Trouble)
		require.Equal(t, differ.isItMe[0:3] == "Pro", d.Members[2].Trouble)
	}
}

func TestThoseThatAreNotNamedCount(t *testing.T) {
	v := made(syncmod.Status{Phase: syncmod.Failed, Err: differing("the results differ: this node and " +
		"operator 1 (bob) attest ab12…, operator 2 (carol), operator 3 (dave), " +
		"operator 4 (erin) and 9 others attest 34cd…")})
	require.Empty(t, v.differing())
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

// refused is a failure by a member that refused this node.
type refused string

func (r refused) Error() string        { return string(r) }
func (r refused) Is(target error) bool { return target == syncmod.ErrPeerRejected }

func TestVersionsAreTheSameWhoeverFindsOut(t *testing.T) {
	const advice = ": all members need the same major and minor version; the ceremony cannot go on"
	for _, err := range []error{
		fmt.Errorf("%w%.0s runs v1.9, this node runs v1.0"+advice, syncmod.ErrVersionMismatch, ""),
		refused(`refused this node: "operator 0 (alice) runs v1.0, this node runs v1.9` + advice + `"`),
	} {
		v := made(syncmod.Status{
			Phase: syncmod.Failed, Err: &syncmod.PeerError{Index: 2, Err: err}, Peers: others(0, 0),
		})
		said := v.answers(nil)
		require.Equal(t, Answer{"carol runs another version", "carol runs v1.9, this node runs v1.0: all members " +
			"need the same major and minor version."}, said.Failure)
		require.Contains(t, said.Close.Text, "First carol installs v1.0, or everyone else v1.9; then")
	}
}

func TestWhoIsAccusedIsMarked(t *testing.T) {
	err := &syncmod.PeerError{Index: 2, Err: aborted(`ended the ceremony: "operator 2 (carol) gave up: ` +
		`step \"deal\": operator 0 (alice) and operator 1 (bob) sent nothing"`)}
	v := made(syncmod.Status{
		Phase: syncmod.Failed, Step: 2, Err: err, Peers: others(2, 2), Steps: []string{"keys", "deal"},
	})
	d := v.detail(nil)
	for i, state := range []string{
		"carol gave up because of it", "carol gave up because of it",
		"gave up because of this node and bob",
	} {
		require.True(t, d.Members[i].Trouble)
		require.Equal(t, state, d.Members[i].State)
	}
}

func TestAMemberThatRestartedIsAtNoStep(t *testing.T) {
	err := &syncmod.PeerError{Index: 2, Err: syncmod.ErrPeerRestarted}
	v := made(syncmod.Status{Phase: syncmod.Failed, Step: 2, Err: err, Peers: others(2, 2)})
	d := v.detail(nil)
	require.Equal(t, "restarted", d.Members[2].Doing)
	require.Equal(t, "1: done", d.Members[1].Doing)
}
