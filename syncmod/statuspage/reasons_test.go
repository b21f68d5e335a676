package statuspage

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// aborted is a failure that carol reported.
type aborted string

func (a aborted) Error() string        { return string(a) }
func (a aborted) Is(target error) bool { return target == syncmod.ErrPeerAborted }

func TestAMembersReasonIsShown(t *testing.T) {
	const advice = "; the ceremony cannot go on: stop every node and start the ceremony again together"
	const began = "The failure began at carol's node. See carol's log for details."
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
			"The problem seems to be between carol and bob. They should compare their logs.",
		},
		{
			"operator 2 (carol) gave up: operator 0 (alice) sent nothing",
			"carol gave up because of this node", "carol gave up because of this node",
			"carol's reason names this node. See carol's log for details.",
		},
		{"operator 2 (carol) gave up: the bob is full", "carol gave up: the bob is full", "carol gave up", began},
		{
			"operator 2 (carol) was stopped before the ceremony was complete" + advice,
			"carol's node was stopped", "carol's node was stopped", began,
		},
		{
			"this node's disk is full", "carol ended it: carol's disk is full", "carol ended it", began,
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
		require.Equal(t, "Yes: "+told.short, said.Failure.Short)
		require.NotContains(t, said.Failure.Text, `\"`)
		require.NotContains(t, said.Failure.Text, "again together")
		require.Equal(t, told.isItMe, said.IsItMe.Text)
	}
}

// differing is a failure because results differ.
type differing string

func (d differing) Error() string        { return string(d) }
func (d differing) Is(target error) bool { return target == syncmod.ErrResultMismatch }

func TestTheMajorityIsProbablyRight(t *testing.T) {
	const advice = "; compare only the definition files and the results named here, and never show anyone a key " +
		"file; the ceremony cannot go on: stop every node"
	for _, differ := range []struct{ text, headline, isItMe, why string }{
		{
			"the results differ: this node and operator 1 (bob) attest ab12…, " +
				"operator 2 (carol) attests 34cd…" + advice,
			"carol's result differs", "Probably not This node and bob have the same result, " +
				"and carol has a different one.",
			"This node and bob have the result ab12…; carol has the result 34cd…",
		},
		{
			`the results differ, according to operator 1 (bob): "the results differ: operator 0 (alice) and ` +
				`operator 1 (bob) attest ab12…, operator 2 (carol) attests nothing` + advice + `"`,
			"carol's result differs", "Probably not This node and bob have the same result, " +
				"and carol has a different one.",
			"This node and bob have the result ab12…; carol has no result.",
		},
		{
			"the results differ: this node attests ab12…, " +
				"operator 1 (bob) and operator 2 (carol) attest 34cd…" + advice,
			"the members have different results",
			"Perhaps This node may be the one that differs: compare its version and definition with the others'.",
			"The results differ: this node attests ab12…, bob and carol attest 34cd…; compare only the definition " +
				"files and the results named here, and never show anyone a key file.",
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

func TestUnnamedMembersCount(t *testing.T) {
	v := made(syncmod.Status{Phase: syncmod.Failed, Err: differing("the results differ: this node and " +
		"operator 1 (bob) attest ab12…, operator 2 (carol), operator 3 (dave), " +
		"operator 4 (erin) and 9 others attest 34cd…")})
	require.Empty(t, v.differing())
}

func TestAPhaseIsDoneForEveryone(t *testing.T) {
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

// news is a failure in the words of this node, whether this node found it or another member
// reported it.
type news struct {
	kind error
	by   int // the member that the error names
	text string
}

func (n news) Error() string { return n.text }
func (n news) Unwrap() []error {
	return []error{&syncmod.PeerError{Index: n.by, Err: n.kind}}
}

// If members differ in something that all must share, each member fails for the first reason
// that it hears. Their pages say the same, whatever that reason is. Here carol has a version
// of her own.
func TestTheOddMemberIsAlwaysNamed(t *testing.T) {
	const version, advice = "all members need the same major and minor version; ",
		"the ceremony cannot go on: stop every node and start the ceremony again together"
	const theirs = "operator 2 (carol) runs v1.9, this node runs v1.0: " + version + advice
	const ours = "operator 0 (alice) runs v1.0, this node runs v1.9: " + version + advice
	const bobs = "operator 1 (bob) runs v1.0, this node runs v1.9: " + version + advice
	for name, how := range map[string]news{
		"alice herself":           {syncmod.ErrVersionMismatch, 2, theirs},
		"carol, of alice":         {syncmod.ErrPeerRejected, 2, refused(2, "carol", ours)},
		"carol, of bob":           {syncmod.ErrPeerRejected, 2, refused(2, "carol", bobs)},
		"bob, because of carol":   {syncmod.ErrPeerRejected, 1, refused(1, "bob", theirs)},
		"bob, whom carol refused": {syncmod.ErrPeerRejected, 1, refused(1, "bob", refused(2, "carol", bobs))},
		"bob's abort": {syncmod.ErrPeerAborted, 2, reported(2, "carol",
			"operator 1 (bob)", theirs)},
		"bob's abort, once refused": {syncmod.ErrPeerAborted, 1, ended(1, "bob", refused(2, "carol", bobs))},
		"bob's abort, from dave": {syncmod.ErrPeerAborted, 2, reported(2, "carol",
			"operator 1 (bob), who heard it from operator 3 (dave)", theirs)},
		"carol's abort for bob, from dave": {syncmod.ErrPeerAborted, 1, reported(1, "bob",
			"operator 3 (dave), who heard it from operator 2 (carol)", bobs)},
	} {
		v := made(syncmod.Status{
			Phase: syncmod.Failed, Version: "v1.0", Err: how,
			Peers: append(others(0, -1), syncmod.PeerStatus{Index: 3}),
		})
		v.names, v.ids, v.def.Peers = append(v.names, "dave"), make([]string, 4), make([]syncmod.Peer, 4)
		v.status.Peers[1].Inbound = false

		d := v.detail(nil)

		require.Equal(t, "The ceremony has failed: carol runs a different version", d.Headline, name)
		require.Equal(t, Answer{"Yes: carol runs a different version", "carol runs v1.9, but this node runs v1.0. " +
			"All members need the same major and minor version."}, d.Answers.Failure, name)
		require.Equal(t, Answer{"Probably not", "bob uses the same version and definition as this node."},
			d.Answers.IsItMe, name)
		require.Contains(t, d.Answers.Close.Text, "Either carol must install v1.0, "+
			"or everyone else v1.9. Then", name)
		require.Equal(t, 2, *d.Culprit, name)
		require.Equal(t, "runs a different version", d.Members[2].State, name)
		require.Equal(t, "v1.9", d.Members[2].Version, name)
		for i, m := range d.Members {
			require.Equal(t, i == 2, m.Trouble, "%s: %s", name, m.Name)
		}
	}
}

func TestAMissingVersionIsNoAdvice(t *testing.T) {
	v := made(syncmod.Status{
		Phase: syncmod.Failed, Version: "v1.0", Peers: others(0, -1),
		Err: news{syncmod.ErrVersionMismatch, 2, "operator 2 (carol) runs an unknown version, this node runs v1.0: " +
			"all members need the same major and minor version"},
	})

	d := v.detail(nil)

	require.Equal(t, "The ceremony has failed: carol runs a different version", d.Headline)
	require.Contains(t, d.Answers.Close.Text, "No keys were made. carol must install v1.0. Then")
}

func refused(by int, name, text string) string {
	return fmt.Sprintf("operator %d (%s) refused this node: %q", by, name, text)
}

func ended(by int, name, text string) string {
	return fmt.Sprintf("operator %d (%s) ended the ceremony: %q", by, name, text)
}

func reported(culprit int, name, by, text string) string {
	return fmt.Sprintf("operator %d (%s) made the ceremony fail, according to %s: %q", culprit, name, by, text)
}

// A member whose requests this node has accepted has this node's definition. So if the
// member denies that, it is the member that differs.
func TestAFalseAccuserIsTheOddMember(t *testing.T) {
	for does, headline := range map[string]string{
		"did not sign this node's definition 0123…: all members need it":          "carol has a different definition",
		"has other members for definition 0123… than this node, or another order": "carol lists different members",
	} {
		for _, how := range []news{
			{syncmod.ErrBadSignature, 2, "operator 2 (carol) " + does},
			{syncmod.ErrPeerRejected, 2, refused(2, "carol", "operator 0 (alice) "+does)},
			{syncmod.ErrPeerRejected, 2, refused(2, "carol", "operator 1 (bob) "+does)},
			{syncmod.ErrPeerRejected, 1, refused(1, "bob", "operator 2 (carol) "+does)},
		} {
			v := made(syncmod.Status{Phase: syncmod.Failed, Err: how, Peers: others(0, -1)})
			v.status.Peers[1].Inbound = false

			require.Equal(t, headline, v.failure(), how.text)
			require.Equal(t, Answer{"Probably not", "bob uses the same version and definition as this node."},
				v.isItMe(nil), how.text)
		}
	}
}

// A member whose ceremony has failed refuses everyone afterwards, and says why.
func TestAMessengerIsNotAtFault(t *testing.T) {
	for _, told := range []struct {
		by        int
		who, text string
		headline  string
	}{
		{1, "bob", "operator 2 (carol) restarted: its step went from 2 to 0", "carol's node restarted"},
		{1, "bob", "operator 1 (bob) gave up: no room", "bob gave up: no room"},
		{1, "bob", "operator 0 (alice) restarted: its step went from 2 to 0", "bob refuses this node"},
		{1, "bob", "invalid signature", "bob refuses this node"},
		{
			1, "bob", refused(2, "carol", "invalid signature"),
			`bob ended it: carol refused bob: "invalid signature"`,
		},
	} {
		how := news{syncmod.ErrPeerRejected, told.by, refused(told.by, told.who, told.text)}
		v := made(syncmod.Status{Phase: syncmod.Failed, Step: 2, Err: how, Peers: others(2, 2)})
		require.Equal(t, told.headline, v.failure())
	}
}

func TestAccusedMembersAreMarked(t *testing.T) {
	err := &syncmod.PeerError{Index: 2, Err: aborted(`ended the ceremony: "operator 2 (carol) gave up: ` +
		`step \"deal\": operator 0 (alice) and operator 1 (bob) sent nothing"`)}
	v := made(syncmod.Status{
		Phase: syncmod.Failed, Step: 2, Err: err, Peers: others(2, 2), Steps: []string{"keys", "deal"},
	})
	d := v.detail(nil)
	for i, state := range []string{
		"blamed by carol", "blamed by carol",
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

// Alice never reaches carol, who runs another version. She hears of this only from bob and
// dave. They fail because of carol's version, or because carol refuses them.
func TestHearsayNamesTheOddMember(t *testing.T) {
	c := harness.New(t, 4, harness.Links())
	for _, l := range c.Between([]int{0}, []int{2}) {
		l.Cut()
	}
	c.Start(0, 1, 3)
	p := pageOf(t, c.Nodes[0].Service)
	for _, i := range c.Except(2) {
		c.Until(i, func(s syncmod.Status) bool {
			return !slices.ContainsFunc(s.Peers, func(p syncmod.PeerStatus) bool {
				return p.Index != 2 && !harness.Connected(p)
			})
		})
	}
	config := harness.Fast()
	config.Version = "v1.9"
	_, err := harness.StartService(t, c.Nodes[2].Host, config).Open(c.Definition(2, t.Name()))
	require.NoError(t, err)
	require.Error(t, c.Failure(0))
	harness.Eventually(t, func() bool { return status(t, p, "").Ceremony.Kind == KindFailed }, "it is seen")

	d := status(t, p, "").Ceremony

	require.Equal(t, "The ceremony has failed: carol runs a different version", d.Headline, d.Error)
	require.Equal(t, 2, *d.Culprit)
	require.Equal(t, "v1.9", d.Members[2].Version)
	for i, m := range d.Members {
		require.Equal(t, i == 2, m.Trouble, m.Name)
	}
	t.Log(d.Error)
}
