package syncmod_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAStrangerIsResetUnread(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	s.run(t)
	before := stances(s.ceremony.Status())
	stranger := harness.NewRawPeer(t)
	stranger.Connect(t, s.Host)
	for range 20 {
		abort := stranger.Request(t, s.def, harness.Abort("nonsense", ""))

		require.Equal(t, "reset: gated", stranger.Knock(t.Context(), s.Host, harness.Frame(abort)))
	}
	require.Equal(t, before, stances(s.ceremony.Status()))
	require.NoError(t, s.ceremony.Err())
}

// stance is the part of a member's status that does not change while nothing happens.
type stance struct {
	inbound, outbound, done bool
	step                    int64
	reconnects              int
}

func stances(s syncmod.Status) []stance {
	var all []stance
	for _, p := range s.Peers {
		all = append(all, stance{p.Inbound, p.Outbound, p.Done, p.Step, p.Reconnects})
	}
	return all
}

// watch starts to collect the statuses of a ceremony, up to the first one for which
// last returns true.
func watch(t testing.TB, c *syncmod.Ceremony, last func(syncmod.Status) bool) <-chan []syncmod.Status {
	t.Helper()
	ctx := harness.Within(t)
	started, all := make(chan struct{}), make(chan []syncmod.Status, 1)
	go func() {
		var seen []syncmod.Status
		for status := range c.Watch(ctx) {
			seen = append(seen, status)
			if len(seen) == 1 {
				close(started)
			}
			if last(status) {
				break
			}
		}
		all <- seen
	}()
	<-started
	return all
}

func bobIsAt(step int64) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool { return s.Peers[0].Step == step }
}

func bobIsIn(s syncmod.Status) bool  { return s.Peers[0].Inbound }
func bobIsOut(s syncmod.Status) bool { return !s.Peers[0].Inbound }

func TestASecondStreamTakesOverWithoutAGap(t *testing.T) {
	for name, session := range sessions {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			bob.Become(session)
			current := s.meet(t, bob)
			seen := watch(t, s.ceremony, bobIsAt(1))
			for range 20 {
				second := s.meet(t, bob)
				current.RequireReset(t)
				current = second
			}
			current.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
			for _, status := range harness.Next(t, seen) {
				require.True(t, bobIsIn(status))
			}
		})
	}
}

func TestAnUnusedStreamChangesNothing(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	current := s.meet(t, bob, harness.Step(1))
	seen := watch(t, s.ceremony, bobIsAt(2))

	silent := bob.Open(t, s.Host)
	silent.Send(t, []byte{1}) // the beginning of a frame
	require.NoError(t, silent.Reset())
	late := bob.Open(t, s.Host)
	late.Say(t, bob.Request(t, s.def, harness.Step(0)))
	late.RequireReset(t)

	current.Accepted(t, bob.Request(t, s.def, harness.Step(2)))
	for _, status := range harness.Next(t, seen) {
		require.True(t, bobIsIn(status))
		require.GreaterOrEqual(t, status.Peers[0].Step, int64(1))
	}
}

func TestOneNewStreamMayWait(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	current := s.meet(t, bob)
	frame := harness.Frame(bob.Request(t, s.def, harness.Step(1)))
	further := []harness.RawStream{bob.Open(t, s.Host), bob.Open(t, s.Host)}
	answers := []<-chan error{further[0].Listen(), further[1].Listen()}
	for _, stream := range further {
		stream.Send(t, frame[:1])
	}
	reset := 0 // handlers start in any order, so either stream may be the one that is reset
	var err error
	select {
	case err = <-answers[0]:
	case err = <-answers[1]:
		reset = 1
	}
	require.True(t, harness.IsReset(harness.EndOf(err)))
	current.Accepted(t, bob.Request(t, s.def))
	further[1-reset].Send(t, frame[1:])
	require.NoError(t, harness.Next(t, answers[1-reset]))
	current.RequireReset(t)
}

func TestALateFrameOnlyEndsItsStream(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	stream := s.meet(t, bob, harness.Step(1))

	stream.Say(t, bob.Request(t, s.def, harness.Step(0)))

	stream.RequireReset(t)
	require.Equal(t, int64(1), harness.Until(t, s.ceremony, bobIsOut).Peers[0].Step)
	require.NoError(t, s.ceremony.Err())
	s.meet(t, bob, harness.Step(1))
}

func TestARequestOfTheWrongProcessIsIgnored(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(1)
	s.meet(t, bob)
	bob.Become(2)
	current := s.meet(t, bob)
	before := stances(s.ceremony.Status())

	dead := bob.Open(t, s.Host)
	for _, says := range []harness.Saying{harness.Step(0), harness.Step(1), harness.Step(9)} {
		require.Empty(t, dead.Greeted(t, bob.Request(t, s.def, harness.Session(1), says)))
	}

	require.Equal(t, before, stances(s.ceremony.Status()))
	current.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
}

func TestARequestForAnotherProcessIsIgnored(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	current := s.meet(t, bob)
	before := stances(s.ceremony.Status())
	ours := bob.Meet(t, s.Host.ID())

	late := bob.Open(t, s.Host)
	for _, says := range []harness.Saying{harness.Step(1), harness.Step(9), harness.Version("v9.9")} {
		request := bob.Request(t, s.def, harness.Addressee(ours+1), says)

		require.Equal(t, ours, late.Ask(t, request).GetSessionId())
	}
	for _, says := range []harness.Saying{harness.Goodbye, harness.Abort("no more", "")} {
		last := bob.Open(t, s.Host)
		require.Empty(t, last.Greeted(t, bob.Request(t, s.def, harness.Addressee(ours+1), says)))
		last.RequireClosed(t)
	}

	require.Equal(t, before, stances(s.ceremony.Status()))
	require.NoError(t, s.ceremony.Err())
	current.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
}

func TestTheAnswerCarriesOurSession(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	ours := bob.Meet(t, s.Host.ID())
	stream := bob.Open(t, s.Host)

	stream.Send(t, harness.Frame(bob.Request(t, s.def)))

	require.Equal(t, ours, stream.Hear(t).GetSessionId())
	require.True(t, bobIsOut(s.ceremony.Status()))
	stream.Accepted(t, bob.Request(t, s.def))
	require.True(t, bobIsIn(s.ceremony.Status()))
}

// The heartbeat would ask too, but later.
func TestAnUnknownProcessIsAskedAtOnce(t *testing.T) {
	cfg := harness.Fast()
	cfg.Heartbeat, cfg.ExchangeTimeout = time.Hour, 2*time.Hour
	s := newScene(t, cfg, 1)
	bob := s.others[0]
	bob.Become(1)
	s.meet(t, bob)
	bob.Become(2)
	stream := bob.Open(t, s.Host)

	// An answer of the previous process may still be on its way to alice, who then does not ask. So bob goes on
	// asking.
	harness.Eventually(t, func() bool {
		require.Empty(t, stream.Ask(t, bob.Request(t, s.def)).GetError())
		return bob.Met(s.Host.ID())
	}, "alice asks the new process, and long before her next heartbeat")
}

func TestAMemberMayRestartBeforeStep1(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(1)
	before := s.meet(t, bob)
	bob.Become(2)

	after := s.meet(t, bob)

	before.RequireReset(t)
	after.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
	require.NoError(t, s.ceremony.Err())
}

func TestALateRestartIsNamedAndWaits(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	carol := s.others[1]
	carol.Become(1)
	s.meet(t, carol, harness.Step(1))

	carol.Become(2)

	err := harness.Failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrPeerRestarted)
	require.Equal(t, 2, harness.Culprit(t, err).Index)
	require.Equal(t, carol.Host.ID(), harness.Culprit(t, err).Peer.ID)
	waiting := carol.Open(t, s.Host).Greeted(t, carol.Request(t, s.def))
	require.Contains(t, waiting, "its attempt has failed: operator 2 (carol) restarted")
}

func TestALateForeignRestartIsRefused(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	carol := s.others[1]
	s.meet(t, carol, harness.Step(1))

	refusal := carol.Open(t, s.Host).Ask(t, carol.Request(t, s.def))

	require.Contains(t, refusal.GetError(), "operator 2 (carol) restarted")
	err := harness.Failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrPeerRestarted)
	require.Equal(t, 2, harness.Culprit(t, err).Index)
}

// Even if every two members have met, they may not all be in the same attempt.
func TestAnotherAttemptEndsThisOne(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	stream := s.run(t)[0]

	refusal := stream.Ask(t, bob.Request(t, s.def, harness.Step(2), harness.Attempt([]byte("another!"))))

	require.Contains(t, refusal.GetError(), "the members are in different attempts of the ceremony")
	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrPeerRestarted)
}

func TestDifferentMembersAreRefused(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def, harness.Members([]byte("others!!"))))

	require.Contains(t, refusal.GetError(), "operator 1 (bob) has other members for definition")
	err := harness.Failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrMembersMismatch)
	require.Equal(t, 1, harness.Culprit(t, err).Index)
}

func TestARepeatedRequestKeepsItsTimestamp(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	stream := s.meet(t, bob)
	request := bob.Request(t, s.def)
	for i := range 6 {
		request.Timestamp = &timestamppb.Timestamp{Seconds: int64(i), Nanos: int32(5 - i)}
		if i == 3 {
			request.Timestamp = nil // the next request has a timestamp again
		}

		response := stream.Ask(t, request)

		require.Empty(t, response.GetError())
		require.NotZero(t, response.GetSessionId())
		require.Equal(t, request.GetTimestamp() == nil, response.GetSyncTimestamp() == nil)
		require.Equal(t, request.GetTimestamp().AsTime(), response.GetSyncTimestamp().AsTime())
	}
}

func TestAnEarlyGoodbyeFailsTheNextBarrier(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	streams := s.run(t)
	bob := s.others[0]
	waiting := make(chan error, 1)
	ctx := harness.Within(t)
	go func() {
		_, err := s.ceremony.Advance(ctx)
		waiting <- err
	}()
	harness.Until(t, s.ceremony, func(now syncmod.Status) bool { return now.Step == 2 })

	elapsed := harness.Stopwatch(t)
	streams[0].Say(t, bob.Request(t, s.def, harness.Step(1), harness.Goodbye))

	err := harness.Next(t, waiting)
	require.Less(t, elapsed(), time.Second)
	require.ErrorIs(t, err, syncmod.ErrPeerLeft)
	require.Equal(t, 1, harness.Culprit(t, err).Index)
}

func TestABarrierAfterAGoodbyeFailsAtOnce(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	streams := s.run(t)
	streams[0].Accepted(t, s.others[0].Request(t, s.def, harness.Step(1), harness.Goodbye))
	require.NoError(t, s.ceremony.Err())

	_, err := s.ceremony.Advance(harness.Within(t))

	require.ErrorIs(t, err, syncmod.ErrPeerLeft)
	require.Equal(t, 1, harness.Culprit(t, err).Index)
}

func TestARepeatedGoodbyeIsAnswered(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	stream := s.run(t)[0]
	done := make(chan error, 1)
	ctx := harness.Within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	goodbye := bob.Request(t, s.def, harness.Step(2), harness.Goodbye)
	stream.Accepted(t, goodbye)
	require.NoError(t, harness.Next(t, done))

	for range 2 {
		again := bob.Open(t, s.Host)
		again.Accepted(t, goodbye)
		again.RequireClosed(t)
	}
	require.Equal(t, syncmod.Complete, s.ceremony.Status().Phase)
}

func TestACompleteCeremonyCannotFail(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	stream := s.run(t)[0]
	done := make(chan error, 1)
	ctx := harness.Within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), harness.Goodbye))
	require.NoError(t, harness.Next(t, done))

	late := harness.Abort("too late", bob.Host.ID())
	for _, says := range []harness.Saying{harness.Version("v9.9"), late} {
		bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def, harness.Step(2), says))
	}
	// The next streams are held, because of a restart and because of another definition.
	s.meet(t, bob, harness.Step(2)).Say(t, bob.Request(t, s.def, harness.Step(0)))
	s.meet(t, bob, harness.Step(2), harness.Goodbye)
	bob.Open(t, s.Host).Say(t, bob.Request(t, s.def, harness.Step(2), harness.Signature(nil)))

	require.NoError(t, s.ceremony.Err())
	require.Equal(t, syncmod.Complete, s.ceremony.Status().Phase)
}
