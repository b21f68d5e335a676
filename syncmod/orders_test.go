package syncmod_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// These orders of events once left a member without an answer, or blamed the wrong
// member.

// The first refusal is lost with its stream.
func TestAForeignMemberIsRefusedAgain(t *testing.T) {
	s := newScene(t, harness.Patient(), 1)
	bob := s.others[0]
	bob.Answer()
	first := bob.Open(t, s.Host)
	first.Say(t, bob.Request(t, s.def, harness.Step(2))) // bob knows an earlier process of this node
	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrSelfRestarted)
	require.NoError(t, first.Reset())

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def, harness.Step(2)))

	require.Contains(t, refusal.GetError(), "operator 0 (alice) restarted: operator 1 (bob) is already at step 2")
}

// The first refusal is lost with its stream.
func TestAForeignRestartIsRefusedAgain(t *testing.T) {
	s := newScene(t, harness.Patient(), 1)
	bob := s.others[0]
	s.run(t)
	first := bob.Open(t, s.Host)
	first.Say(t, bob.Request(t, s.def))
	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrPeerRestarted)
	_ = first.Reset()

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def))

	require.Contains(t, refusal.GetError(), "operator 1 (bob) restarted")
}

func TestAForeignMemberIsToldTheFailure(t *testing.T) {
	s := newScene(t, harness.Patient(), 2)
	bob, carol := s.others[0], s.others[1]
	carol.Answer()
	carol.Open(t, s.Host).Say(t, carol.Request(t, s.def, harness.Step(2)))
	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrSelfRestarted)

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def, harness.Step(2)))

	require.Contains(t, refusal.GetError(), "operator 0 (alice) restarted")
}

func TestARestartedNodeBlamesNoForeignMember(t *testing.T) {
	s := newScene(t, harness.Patient(), 1)
	bob := s.others[0]
	bob.Accept(t) // his answers are on their way
	stream := s.meet(t, bob, harness.Step(1))
	require.NoError(t, s.ceremony.SetStep(1))
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2)))

	stream.Say(t, bob.Request(t, s.def, harness.Step(3))) // because of what the previous process said

	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrSelfRestarted)
}

func TestLateMessagesDoNotHarmARestart(t *testing.T) {
	s := newScene(t, harness.Patient(), 1)
	bob := s.others[0]
	bob.Become(7)
	ours := bob.Meet(t, s.Host.ID())
	stream := bob.Open(t, s.Host)
	for step := range int64(5) {
		late := bob.Request(t, s.def, harness.Addressee(ours+1), harness.Step(step))

		require.Empty(t, stream.Greeted(t, late))
	}

	require.NoError(t, s.ceremony.Err())
	require.True(t, bobIsOut(s.ceremony.Status()))
}

func TestANewProcessEndsAGoodbye(t *testing.T) {
	s := newScene(t, harness.Patient(), 1)
	bob := s.others[0]
	var goodbyes atomic.Int64
	bob.Serve(func(_ harness.RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
		if r.GetShutdown() {
			goodbyes.Add(1)
			bob.Become(8)
		}
		return bob.Response(r)
	})
	bob.Become(7)
	s.meet(t, bob, harness.Step(1))
	waiting, cancel := context.WithCancel(harness.Within(t))
	defer cancel()

	done := inBackground(func() error { return s.ceremony.Complete(waiting) }) // bob does not say his own

	const answered = "to say goodbye: bob (has answered this node's goodbye, but has not said its own"
	harness.Until(t, s.ceremony, func(now syncmod.Status) bool {
		wait := now.WaitingFor()
		return wait != nil && strings.Contains(wait.Error(), answered)
	})
	<-time.After(10 * harness.Fast().Heartbeat) // long enough for heartbeats that would repeat the goodbye
	cancel()
	require.ErrorContains(t, harness.Next(t, done), answered)
	require.Equal(t, int64(1), goodbyes.Load())
}

// A member that goes straight on to the next attempt leaves nobody behind in the
// previous one.
func TestAnOldGoodbyeHarmsNoLaterCeremony(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(1)
	stream := s.meet(t, bob, harness.Step(1))
	before := bob.Meet(t, s.Host.ID())
	done := make(chan error, 1)
	ctx := harness.Within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1), harness.Goodbye))
	require.NoError(t, harness.Next(t, done))
	require.NoError(t, s.ceremony.Close(ctx))
	next := s.Open(t, s.def)

	late := bob.Request(t, s.def, harness.Addressee(before), harness.Step(1), harness.Goodbye)
	for range 2 { // the answer to the first one is lost
		again := bob.Open(t, s.Host)
		require.Empty(t, again.Greeted(t, late))
		again.RequireClosed(t)
	}
	require.False(t, next.Status().Peers[0].Done)

	bob.Become(2)
	s.meet(t, bob)
	require.NoError(t, next.Err())
	require.Zero(t, next.Status().Peers[0].Step)
}

func TestAMemberIsAwaitedInOneOfTwoCeremonies(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	another := def
	another.Hash = harness.Define("another").Hash
	harness.Open(t, nodes, another)
	ceremonies := harness.Open(t, nodes, def)
	connect(t, ceremonies)

	closeAll(t, ceremonies[1:]) // bob leaves while connecting
	<-time.After(2 * harness.Fast().OpenGrace)

	require.NoError(t, ceremonies[0].Err())
	run(t, append(ceremonies[:1:1], harness.Open(t, nodes[1:], def)...))
}

func TestAMemberInTheOldCeremonyIsAwaited(t *testing.T) {
	nodes, first := newCluster(t, 2, harness.Fast())
	second := first
	second.Hash = harness.Define("the next").Hash
	ceremonies := harness.Open(t, nodes, first)
	run(t, ceremonies)
	closeAll(t, ceremonies[1:])
	quick := harness.Open(t, nodes[1:], second)
	<-time.After(2 * harness.Fast().OpenGrace) // alice stores her result

	closeAll(t, ceremonies[:1])

	run(t, append(quick, harness.Open(t, nodes[:1], second)...))
}

func TestANewStreamDoesNotBeginWithAnAbort(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	streams := s.others[0].Accept(t)
	first := harness.Next(t, streams)
	require.Empty(t, first.Heed(t).GetAbort())
	require.NoError(t, first.Reset())

	s.ceremony.Abort(context.Canceled)

	for { // the client may have begun to open this stream before the abort
		select {
		case stream := <-streams:
			request := new(syncpb.SyncRequest)
			if harness.ReadMessage(stream, request) == nil {
				require.Empty(t, request.GetAbort())
			}
			continue
		case <-time.After(time.Second): // longer than the time for telling an abort
		}
		break
	}
}
