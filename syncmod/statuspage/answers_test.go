package statuspage

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// made returns alice's view of a ceremony of three members, with the
// given status.
func made(s syncmod.Status) view {
	r := record{id: "it", names: []string{"alice", "bob", "carol"}, ids: make([]string, 3), open: true}
	v := view{record: r, now: noon, status: s}
	v.def.Hash = harness.Hash("it")
	v.def.Peers = make([]syncmod.Peer, 3)
	return v
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// others returns the members bob and carol, connected and at the given steps.
func others(bob, carol int64) []syncmod.PeerStatus {
	return []syncmod.PeerStatus{
		{Index: 1, Step: bob, Inbound: true, Outbound: true}, {Index: 2, Step: carol, Inbound: true, Outbound: true},
	}
}

func TestEveryFailureHasAShortText(t *testing.T) {
	by := func(index int, err error) error { return &syncmod.PeerError{Index: index, Err: err} }
	for _, failure := range []struct {
		err      error
		headline string
		isItMe   string
	}{
		{by(2, syncmod.ErrVersionMismatch), "carol runs a different version", "Probably not"},
		{by(2, syncmod.ErrBadSignature), "carol has a different definition", "Probably not"},
		{by(2, syncmod.ErrMembersMismatch), "carol lists different members", "Probably not"},
		{by(2, syncmod.ErrPeerRestarted), "carol's node restarted", "No"},
		{syncmod.ErrPeerRestarted, "a member restarted", "No"},
		{by(0, syncmod.ErrSelfRestarted), "this node restarted", "Yes"},
		{by(2, syncmod.ErrStepSkipped), "carol skipped a step", "No"},
		{by(2, syncmod.ErrLeftBehind), "carol went on without this node", "Probably not"},
		{by(2, syncmod.ErrPeerRejected), "carol refuses this node", "Probably not"},
		{by(2, syncmod.ErrPeerAborted), "carol ended it", "No"},
		{by(0, syncmod.ErrPeerAborted), "this node ended it", "Yes"},
		{by(2, syncmod.ErrPeerTimeout), "carol is gone", "No"},
		{syncmod.ErrPeerTimeout, "this node cannot reach a member", "Yes"},
		{by(2, syncmod.ErrPeerLeft), "carol left early", "No"},
		{syncmod.ErrResultMismatch, "the members have different results", "Perhaps"},
		{syncmod.ErrHostClosed, "this node's host was closed", "Yes"},
		{syncmod.ErrStopped, "this node was stopped", "Yes"},
		{fmt.Errorf("%w: the disk is full", syncmod.ErrAborted), "this node gave up", "Yes"},
		{errors.New("something else"), "read why below", "Perhaps"},
	} {
		v := made(syncmod.Status{Phase: syncmod.Failed, Step: 2, Err: failure.err, Peers: others(2, 2)})

		kind, headline := v.headline()
		said := v.answers([]view{v})

		require.Equal(t, KindFailed, kind)
		require.Equal(t, "The ceremony has failed: "+failure.headline, headline)
		require.Equal(t, failure.isItMe, said.IsItMe.Short, headline)
		require.Equal(t, "Yes: "+failure.headline, said.Failure.Short)
		require.Equal(t, capital(v.named(failure.err.Error()))+".", said.Failure.Text)
		require.Contains(t, said.Close.Short, "Yes")
	}
}

func TestMembersAheadWaitForThisNode(t *testing.T) {
	status := syncmod.Status{
		Phase: syncmod.Running, Step: 2, StepName: "deal", Steps: []string{"keys", "deal", "store"}, Peers: others(3,
			2),
	}
	kind, headline := made(status).headline()
	require.Equal(t, KindOurTurn, kind)
	require.Equal(t, "bob is waiting for this node, which is working on step 2 of 3 (deal)", headline)
	said := made(status).answers(nil)
	require.Equal(t, Answer{"Yes", "bob is waiting for this node to finish step 2 of 3 (deal)."}, said.IsItMe)
	require.Equal(t, Answer{"This node", "bob has finished step 2 of 3 (deal)."}, said.WaitingFor)

	status.Peers = others(2, 2)
	kind, headline = made(status).headline()
	require.Equal(t, KindWorking, kind)
	require.Equal(t, "This node is working on step 2 of 3 (deal)", headline)
	require.Equal(t, "Not yet", made(status).answers(nil).IsItMe.Short)
}

func TestTheSlowestCostMost(t *testing.T) {
	barrier := func(step int64, last int, behind time.Duration) syncmod.PassedBarrier {
		arrivals := []time.Time{noon, noon, noon}
		arrivals[last] = noon.Add(behind)
		return syncmod.PassedBarrier{
			Kind: "step", Step: step, Last: last,
			Arrivals: arrivals,
		}
	}
	status := syncmod.Status{Phase: syncmod.Running, Step: 4, Peers: others(4, 4), Passed: []syncmod.PassedBarrier{
		{Kind: "connected", Last: 2}, barrier(1, 2, time.Second),
	}, Steps: []string{"work 1", "work 2", "work 3", "work 4"}}
	require.Equal(t, Answer{"Nobody yet", "carol was the last to connect. Nobody has finished a step yet."},
		made(status).slow(nil))

	status.Passed = append(status.Passed, barrier(2, 2, 20*time.Millisecond))
	require.Equal(t, Answer{"Nobody", "No member held up a step by 0.1 s or more."},
		made(status).slow(nil))

	status.Passed = append(status.Passed, barrier(3, 1, 2*time.Second), barrier(4, 2, 1500*time.Millisecond),
		barrier(5, 2, 700*time.Millisecond))
	require.Equal(t, Answer{"carol", "carol was last at 2 of 4 steps, " +
		"and 1.5 s behind the others at step 3 (work 3)."}, made(status).slow(nil))

	status.Passed = append(status.Passed, barrier(6, 0, time.Minute))
	require.Equal(t, Answer{"This node", "This node was 1 min 0 s behind the others at step 5."},
		made(status).slow(nil))
}

func TestARetryingNodeKeepsRunning(t *testing.T) {
	reason := &syncmod.PeerError{Index: 2, Err: syncmod.ErrPeerAborted}
	first := made(syncmod.Status{
		Phase: syncmod.Failed, Step: 2, Attempt: 1, Err: reason, Retried: true,
		Peers: others(2, 2),
	})
	_, headline := first.headline()
	require.Equal(t, "This attempt has failed: carol ended it. Another one follows", headline)
	require.Equal(t, "No", first.answers([]view{first}).Close.Short)

	second := made(syncmod.Status{Phase: syncmod.Running, Step: 1, Attempt: 2, Peers: others(1, 1)})
	require.Equal(t, "A later attempt of this ceremony has begun: look there.", first.answers([]view{
		second,
		first,
	}).Close.Text)
	require.Contains(t, second.answers([]view{second, first}).Failure.Text, "Attempt 1 failed: ")
}

func TestARetryingNodeNeedsNoAdvice(t *testing.T) {
	const advice = "; the ceremony cannot go on: stop every node and start the ceremony again together"
	for said, left := range map[string]string{
		"operator 2 (carol) restarted" + advice:              "operator 2 (carol) restarted",
		`carol ended it: "no room"` + advice:                 `carol ended it: "no room"`,
		`carol ended it: "bob restarted` + advice + `"`:      `carol ended it: "bob restarted"`,
		`carol ended it: "step \"deal\": bad` + advice + `"`: `carol ended it: "step \"deal\": bad"`,
		"no luck": "no luck",
	} {
		require.Equal(t, left, withoutAdvice(errors.New(said)))
	}
}

func TestTooManyMembersAreNotDrawn(t *testing.T) {
	v := made(syncmod.Status{})
	v.names, v.ids, v.def.Peers = nil, make([]string, maxDrawn+1), make([]syncmod.Peer, maxDrawn+1)
	for i := range v.def.Peers {
		v.names = append(v.names, fmt.Sprint("operator ", i))
		if i > 0 {
			said := make([]syncmod.Link, maxDrawn+1)
			v.status.Peers = append(v.status.Peers, syncmod.PeerStatus{Index: i, View: said})
		}
	}

	d := v.detail(nil)

	for _, m := range d.Members {
		require.Empty(t, m.Links)
	}
	require.NotContains(t, d.Diagnosis(), "Who reaches whom")
}

func TestADiagnosisIsComplete(t *testing.T) {
	c := harness.New(t, 3)
	c.Start(0, 1)
	c.Until(0, func(s syncmod.Status) bool { return harness.Connected(s.Peers[0]) })
	p := pageOf(t, c.Nodes[0].Service)
	harness.Eventually(t, func() bool { return status(t, p, "").Ceremony != nil }, "it is seen")

	text := get(p, "/diagnosis").Body.String()

	for _, part := range []string{
		"Ceremony " + hexOf(harness.Hash(t.Name())), "as operator 0 (alice) sees it", "Waiting for carol to connect.",
		"Wait: waiting for 1 of 3 to connect: carol (",
		"0 alice " + c.Nodes[0].ID().String() + ": this node, at step 0, version v1.0\n",
		"1 bob " + c.Nodes[1].ID().String() + ": connected, at step 0", "  0 -=!\n",
	} {
		require.Contains(t, text, part)
	}
}

func TestIfOthersReachAMemberItIsThisNode(t *testing.T) {
	away := syncmod.PeerStatus{Index: 2, Step: -1}
	wait := &syncmod.WaitError{Barrier: "connected", Missing: []syncmod.PeerStatus{away}}
	bob := others(0, 0)[0]
	v := made(syncmod.Status{Peers: []syncmod.PeerStatus{bob, away}})
	require.Equal(t, Answer{"Probably not", "carol must start the node, or fix its address or network. The others " +
		"have not reported whether they can reach carol."}, v.isItMe(wait))

	bob.View = []syncmod.Link{{}, {}, {}}
	v = made(syncmod.Status{Peers: []syncmod.PeerStatus{bob, away}})
	require.Equal(t, Answer{"No", "carol must start the node, or fix its address or network."}, v.isItMe(wait))

	bob.View = []syncmod.Link{{}, {}, {Inbound: true, Outbound: true}}
	v = made(syncmod.Status{Peers: []syncmod.PeerStatus{bob, away}})
	require.Equal(t, Answer{"Probably", "bob reaches carol, but this node does not: check this node's network."},
		v.isItMe(wait))

	away.Waiting = notOpen
	wait.Missing[0] = away
	v = made(syncmod.Status{Peers: []syncmod.PeerStatus{others(0, 0)[0], away}})
	require.Equal(t, Answer{"No", "carol must start the ceremony."}, v.isItMe(wait))

	away.Waiting = "another process with this node's key takes part there: stop one of them"
	wait.Missing[0] = away
	require.Equal(t, Answer{
		"Perhaps",
		"carol's node does not accept this node yet: another process with this node's key " +
			"takes part there: stop one of them.",
	}, v.isItMe(wait))
}

func TestAMissingGoodbyeKeepsItRunning(t *testing.T) {
	status := syncmod.Status{Phase: syncmod.Complete, Step: 3, Steps: []string{"keys", "deal"}, Peers: others(3, 3)}
	status.Peers[0].Done = true
	v := made(status)
	w := &syncmod.WaitError{Barrier: "shutdown", Missing: status.Peers[1:]}

	require.Equal(t, Answer{
		"Nobody", "This node has stopped waiting for carol's goodbye. carol has not said goodbye.",
	}, v.waitingFor(w))
	require.Equal(t, Answer{"No", "This node has finished and said goodbye."}, v.isItMe(w))
	const early = " Without this node, the ceremony may fail for carol."
	require.Equal(t, Answer{"Not yet", "Your keys are complete. Ask carol whether the ceremony is complete there. " +
		"Keep this node running until then." + early}, v.mayClose(w, nil))
	v.status.Phase = syncmod.Running
	require.Equal(t, Answer{"carol's goodbye", "carol has not said goodbye."}, v.waitingFor(w))
	require.Equal(t, Answer{"Not yet", "Your keys are complete. Wait for carol's goodbye: this answer then " +
		"becomes Yes." + early},
		v.mayClose(w, nil))
	v.status.Phase = syncmod.Complete
	v.receipt = new(syncmod.Receipt)
	require.Contains(t, v.mayClose(w, nil).Text, early+" If it has failed there, send carol the receipt.")
	require.Equal(t, pathLeft, v.member(status.Peers[0]).Path)
	require.Equal(t, "-g=", v.ownLinks())
	both := syncmod.Link{Inbound: true, Outbound: true}
	carol := syncmod.PeerStatus{Index: 2, View: []syncmod.Link{both, both, both}}
	require.Equal(t, "==-", v.linksOf(carol))
	v.ended = noon
	require.Equal(t, "gg-", v.linksOf(carol), "this node and bob have said goodbye since")
}

func TestAStartedNodeMustNotStop(t *testing.T) {
	status := syncmod.Status{Phase: syncmod.Running, Step: 1, Peers: others(1, 0)}
	v := made(status)
	w := &syncmod.WaitError{Barrier: "step", Step: 1, Missing: status.Peers[1:]}
	require.Equal(t, "This node is ready for step 1: stopping it now fails the ceremony for everyone.",
		v.mayClose(w, nil).Text)
	require.Equal(t, "It is still running.", v.standsStill(w))
	w.Missing[0].Outbound = false
	require.Equal(t, "It is stuck until carol is connected again.", v.standsStill(w))

	v.status.Passed = []syncmod.PassedBarrier{{Kind: "step", Step: 1}}
	require.Equal(t, "Stopping this node now fails the ceremony for everyone.", v.mayClose(w, nil).Text)
}

// This node is not the reason if nobody listens at carol's address, or if bob's goodbye has
// arrived.
func TestAMissingGoodbyeIsNotThisNodesFault(t *testing.T) {
	refused := errors.New("dialling failed: /ip4/192.0.2.1/tcp/9: connection refused: nothing listens there")
	for _, one := range []struct {
		bob, knows bool // bob: bob has said goodbye; knows: bob has heard carol's goodbye
		err        error
		short      string
		text       string
	}{
		{false, false, nil, "Perhaps", "No goodbye has arrived here: check this node's network."},
		{false, true, refused, "Perhaps", "bob has heard carol's goodbye, but this node has not: " +
			"check this node's network."},
		{true, false, refused, "Probably not", "Nothing listens at carol's address."},
		{true, false, nil, "Probably not", "bob's goodbye has arrived here."},
	} {
		bob := syncmod.PeerStatus{Index: 1, Done: one.bob, View: []syncmod.Link{{}, {}, {Done: one.knows}}}
		carol := syncmod.PeerStatus{Index: 2, LastError: one.err}
		v := made(syncmod.Status{Phase: syncmod.Complete, Peers: []syncmod.PeerStatus{bob, carol}})
		v.wait = &syncmod.WaitError{Barrier: "shutdown", Missing: []syncmod.PeerStatus{carol}}

		said := v.answers(nil)
		kind, headline := v.headline()

		require.Equal(t, Answer{one.short, one.text}, said.IsItMe)
		require.Equal(t, KindFinished, kind)
		require.Equal(t, "Finished here. Keep this node running: carol's goodbye is missing", headline)
	}
}

func TestTwoGoodbyesAreMissing(t *testing.T) {
	missing := []syncmod.PeerStatus{{Index: 1}, {Index: 2}}
	v := made(syncmod.Status{Phase: syncmod.Complete, Peers: missing})
	v.wait = &syncmod.WaitError{Barrier: "shutdown", Missing: missing}

	_, headline := v.headline()

	require.Equal(t, "Finished here. Keep this node running: bob's and carol's goodbyes are missing", headline)
	require.Equal(t, "bob's and carol's are missing", v.goodbyes(true).Text)
}

func TestAnUnreachedMemberGetsOneSentence(t *testing.T) {
	refused := errors.New("dialling failed: /ip4/192.0.2.1/tcp/9: connection refused: nothing listens there")
	for want, one := range map[string]syncmod.PeerStatus{
		"This node cannot reach carol's node: connection refused": {LastError: refused},
		"This node cannot reach carol's node":                     {LastError: errors.New("something long: 1: 2")},
		"carol's node is not connected":                           {},
		"carol reaches this node, but this node cannot reach carol: no answer": {
			Inbound: true, LastError: errors.New("dialling failed: /ip4/192.0.2.1/tcp/9: no answer"),
		},
		"This node reaches carol, but carol cannot reach this node": {Outbound: true},
	} {
		one.Index = 2
		v := made(syncmod.Status{Peers: []syncmod.PeerStatus{others(0, 0)[0], one}})
		require.Equal(t, want, v.unreached(one))
	}
	bob, carol := others(0, 0)[0], syncmod.PeerStatus{Index: 2, LastError: refused, Attempts: 7}
	bob.View = make([]syncmod.Link, 3)
	v := made(syncmod.Status{Peers: []syncmod.PeerStatus{bob, carol}})
	require.Equal(t, "Nobody can reach carol's node: connection refused", v.unreached(carol))
	require.Equal(t, "unreachable: connection refused", v.stateOf(carol))
}

func TestAnOldErrorSaysNothing(t *testing.T) {
	status := syncmod.Status{Step: 1, Peers: others(0, 0)}
	status.Peers[0].LastError = errors.New(hostIsUp + "no ceremony is running there")
	w := &syncmod.WaitError{Barrier: "step", Step: 1, Missing: status.Peers}
	require.Equal(t, Answer{"No", "bob and carol must begin step 1."}, made(status).isItMe(w))
}
