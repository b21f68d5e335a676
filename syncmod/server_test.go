package syncmod_test

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestAStrangerIsResetBeforeAnythingIsRead(t *testing.T) {
	s := newScene(t, fast(), 1)
	s.run(t)
	before := stances(s.ceremony.Status())
	stranger := newRawPeer(t)
	stranger.connect(t, s.host)
	for range 20 {
		err := stranger.intrude(t, s.host, stranger.request(t, s.def, withAbort("nonsense", "")))

		require.Equal(t, streamEnd{how: "reset", code: network.StreamGated}, endOf(err))
	}
	require.Equal(t, before, stances(s.ceremony.Status()))
	require.NoError(t, s.ceremony.Err())
}

// intrude says a request on a new stream and returns how that fails, wherever it
// shows first.
func (p *rawPeer) intrude(t testing.TB, to host.Host, r *syncpb.SyncRequest) error {
	t.Helper()
	frame, err := wire.AppendRequest(nil, r)
	require.NoError(t, err)
	stream, err := p.host.NewStream(within(t), to.ID(), syncmod.ProtocolID)
	if err != nil {
		return err
	}
	if _, err = stream.Write(frame); err != nil {
		return err
	}
	_, err = stream.Read(make([]byte, 1))
	return err
}

// stance is what of a member's status stays the same while nothing happens.
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

// watch collects every status of a ceremony from now on, until one is as
// wanted.
func watch(t testing.TB, c *syncmod.Ceremony, last func(syncmod.Status) bool) <-chan []syncmod.Status {
	t.Helper()
	ctx := within(t)
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

func TestASecondStreamTakesOverWithItsFirstRequestAndNobodySeesAGap(t *testing.T) {
	for name, says := range map[string]saying{"foreign": withSession(0), "dkgsync": withSession(7)} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fast(), 1)
			bob := s.others[0]
			current := s.meet(t, bob, says)
			seen := watch(t, s.ceremony, bobIsAt(1))
			for range 20 {
				second := s.meet(t, bob, says)
				requireReset(t, current)
				current = second
			}
			current.accepted(t, bob.request(t, s.def, says, withStep(1)))
			for _, status := range next(t, seen) {
				require.True(t, bobIsIn(status))
			}
		})
	}
}

func TestAStreamThatHasNotTakenOverChangesNothing(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	current := s.meet(t, bob, withSession(7), withStep(1))
	seen := watch(t, s.ceremony, bobIsAt(2))

	silent := bob.open(t, s.host)
	silent.write(t, []byte{1}) // the beginning of a frame
	require.NoError(t, silent.Reset())
	late := bob.open(t, s.host)
	late.say(t, bob.request(t, s.def, withSession(7), withStep(0)))
	requireReset(t, late)

	current.accepted(t, bob.request(t, s.def, withSession(7), withStep(2)))
	for _, status := range next(t, seen) {
		require.True(t, bobIsIn(status))
		require.GreaterOrEqual(t, status.Peers[0].Step, int64(1))
	}
}

func TestOneFurtherStreamMayWaitForItsFirstRequest(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	current := s.meet(t, bob)
	frame, err := wire.AppendRequest(nil, bob.request(t, s.def, withStep(1)))
	require.NoError(t, err)
	further := []*rawStream{bob.open(t, s.host), bob.open(t, s.host)}
	answers := []<-chan error{further[0].listen(), further[1].listen()}
	for _, stream := range further {
		stream.write(t, frame[:1])
	}
	reset := 0 // either: handlers start in any order
	select {
	case err = <-answers[0]:
	case err = <-answers[1]:
		reset = 1
	}
	require.Equal(t, "reset", endOf(err).how)
	current.accepted(t, bob.request(t, s.def))
	further[1-reset].write(t, frame[1:])
	require.NoError(t, next(t, answers[1-reset]))
	requireReset(t, current)
}

func TestALateFrameEndsItsStreamAndChangesNothing(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	stream := s.meet(t, bob, withSession(7), withStep(1))

	stream.say(t, bob.request(t, s.def, withSession(7), withStep(0)))

	requireReset(t, stream)
	require.Equal(t, int64(1), until(t, s.ceremony, bobIsOut).Peers[0].Step)
	require.NoError(t, s.ceremony.Err())
	s.meet(t, bob, withSession(7), withStep(1))
}

func TestASessionThatWasReplacedStaysDead(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	s.meet(t, bob, withSession(1))
	current := s.meet(t, bob, withSession(2))

	dead := bob.open(t, s.host)
	dead.say(t, bob.request(t, s.def, withSession(1), withStep(1)))

	requireReset(t, dead)
	require.Zero(t, s.ceremony.Status().Peers[0].Step)
	current.accepted(t, bob.request(t, s.def, withSession(2), withStep(1)))
}

func TestAMemberMayRestartBeforeStep1(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	before := s.meet(t, bob, withSession(1))

	after := s.meet(t, bob, withSession(2))

	requireReset(t, before)
	after.accepted(t, bob.request(t, s.def, withSession(2), withStep(1)))
	require.NoError(t, s.ceremony.Err())
}

func TestAMemberThatRestartsLaterIsNamed(t *testing.T) {
	for name, session := range map[string][2]uint64{"foreign": {0, 0}, "dkgsync": {1, 2}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fast(), 2)
			carol := s.others[1]
			s.meet(t, carol, withSession(session[0]), withStep(1))

			refusal := carol.open(t, s.host).ask(t, carol.request(t, s.def, withSession(session[1])))

			require.Contains(t, refusal.GetError(), "operator 2 (carol) restarted")
			err := failure(t, s.ceremony)
			require.ErrorIs(t, err, syncmod.ErrPeerRestarted)
			require.Equal(t, 2, culprit(t, err).Index)
			require.Equal(t, carol.host.ID(), culprit(t, err).Peer.ID)
		})
	}
}

func TestARepeatedRequestGetsItsOwnTimestampBack(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	stream := s.meet(t, bob, withSession(7))
	request := bob.request(t, s.def, withSession(7))
	for i := range 6 {
		request.Timestamp = &timestamppb.Timestamp{Seconds: int64(i), Nanos: int32(5 - i)}
		if i == 3 {
			request.Timestamp = nil // and back again
		}

		response := stream.ask(t, request)

		require.Empty(t, response.GetError())
		require.NotZero(t, response.GetSessionId())
		require.Equal(t, request.GetTimestamp() == nil, response.GetSyncTimestamp() == nil)
		require.Equal(t, request.GetTimestamp().AsTime(), response.GetSyncTimestamp().AsTime())
	}
}

func TestAMemberThatSaysGoodbyeEarlyFailsTheBarrierAboveItAtOnce(t *testing.T) {
	s := newScene(t, fast(), 2)
	streams := s.run(t)
	bob := s.others[0]
	waiting := make(chan error, 1)
	ctx := within(t)
	go func() {
		_, err := s.ceremony.Advance(ctx)
		waiting <- err
	}()
	until(t, s.ceremony, func(now syncmod.Status) bool { return now.Step == 2 })

	began := time.Now()
	streams[0].say(t, bob.request(t, s.def, withStep(1), withGoodbye))

	err := next(t, waiting)
	require.Less(t, time.Since(began), time.Second)
	require.ErrorIs(t, err, syncmod.ErrPeerLeft)
	require.Equal(t, 1, culprit(t, err).Index)
}

func TestABarrierAboveAMemberThatHasSaidGoodbyeFailsAtOnce(t *testing.T) {
	s := newScene(t, fast(), 1)
	streams := s.run(t)
	streams[0].accepted(t, s.others[0].request(t, s.def, withStep(1), withGoodbye))
	require.NoError(t, s.ceremony.Err())

	_, err := s.ceremony.Advance(within(t))

	require.ErrorIs(t, err, syncmod.ErrPeerLeft)
	require.Equal(t, 1, culprit(t, err).Index)
}

func TestAGoodbyeThatIsRepeatedAfterTheEndIsAnswered(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	stream := s.run(t)[0]
	done := make(chan error, 1)
	ctx := within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	goodbye := bob.request(t, s.def, withStep(2), withGoodbye)
	stream.accepted(t, goodbye)
	require.NoError(t, next(t, done))

	for range 2 {
		again := bob.open(t, s.host)
		again.accepted(t, goodbye)
		requireClosed(t, again)
	}
	require.Equal(t, syncmod.Complete, s.ceremony.Status().Phase)
}

func TestNothingFailsACeremonyThatIsComplete(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	stream := s.run(t)[0]
	done := make(chan error, 1)
	ctx := within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	stream.accepted(t, bob.request(t, s.def, withStep(2), withGoodbye))
	require.NoError(t, next(t, done))

	for _, says := range []saying{withVersion("v9.9"), withSignature(nil), withAbort("too late", bob.host.ID())} {
		bob.open(t, s.host).ask(t, bob.request(t, s.def, withStep(2), says))
	}
	s.meet(t, bob, withStep(2)).say(t, bob.request(t, s.def, withStep(0))) // as after a restart: held
	s.meet(t, bob, withStep(2), withGoodbye)

	require.NoError(t, s.ceremony.Err())
	require.Equal(t, syncmod.Complete, s.ceremony.Status().Phase)
}
