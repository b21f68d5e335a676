package syncmod_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestTheFirstRequestOfAStreamSaysWhatIsMeantAndWhoSpeaks(t *testing.T) {
	cfg := fast()
	cfg.Version, cfg.Nickname = "v1.11", "alice the first"
	s := newScene(t, cfg, 1)
	streams := s.others[0].accept(t)

	first := next(t, streams).heed(t)

	signed, err := s.host.Peerstore().PubKey(s.host.ID()).Verify(s.def.Hash, first.GetHashSignature())
	require.NoError(t, err)
	require.True(t, signed)
	require.Equal(t, s.def.Hash, first.GetDefinitionHash())
	require.NotZero(t, first.GetSessionId())
	require.Equal(t, "v1.11", first.GetVersion())
	require.Equal(t, "alice the first", first.GetNickname())
	require.Zero(t, first.GetStep())
	require.False(t, first.GetShutdown())
	require.WithinDuration(t, time.Now(), first.GetTimestamp().AsTime(), patience)
}

func TestLaterRequestsNameTheSessionAndNotTheDefinition(t *testing.T) {
	s := newScene(t, fast(), 1)
	stream := next(t, s.others[0].accept(t))
	first := stream.heed(t)
	for range 3 {
		stream.grant(t, first)

		next := stream.heed(t) // a heartbeat

		require.Empty(t, next.GetDefinitionHash())
		require.Equal(t, first.GetSessionId(), next.GetSessionId())
		require.Equal(t, first.GetHashSignature(), next.GetHashSignature())
		require.False(t, next.GetTimestamp().AsTime().Before(first.GetTimestamp().AsTime()))
	}
}

func TestANewStreamSaysAgainWhatIsMeantAndWhereWeAre(t *testing.T) {
	s := newScene(t, fast(), 1)
	streams := s.others[0].accept(t)
	lost := next(t, streams)
	first := lost.heed(t)
	require.NoError(t, s.ceremony.SetStep(1))
	require.NoError(t, lost.Reset())

	again := next(t, streams).heed(t)

	require.Equal(t, s.def.Hash, again.GetDefinitionHash())
	require.Equal(t, first.GetSessionId(), again.GetSessionId())
	require.Equal(t, int64(1), again.GetStep())
}

func TestAFrameNeverArrivesInPieces(t *testing.T) {
	s := newScene(t, fast(), 1)
	stream := next(t, s.others[0].accept(t))
	buf := make([]byte, 1<<16)
	for i := range 12 {
		require.NoError(t, stream.SetReadDeadline(time.Now().Add(patience)))

		n, err := stream.Read(buf) // as Charon reads: whatever the first Read gives

		require.NoError(t, err)
		require.Greater(t, n, wire.HeaderSize)
		require.Equal(t, uint64(n-wire.HeaderSize), binary.LittleEndian.Uint64(buf))
		require.Less(t, n, 1200)
		var request syncpb.SyncRequest
		require.NoError(t, wire.DecodeRequest(buf[wire.HeaderSize:n], &request))
		if i == 5 {
			require.NoError(t, s.ceremony.SetStep(1))
		}
		stream.grant(t, &request)
	}
}

func TestAStepGoesOutWhileAnEarlierResponseIsOutstanding(t *testing.T) {
	s := newScene(t, fast(), 1)
	stream := next(t, s.others[0].accept(t))
	first := stream.heed(t) // and not answered

	require.NoError(t, s.ceremony.SetStep(1))

	second := stream.heed(t)
	require.Zero(t, first.GetStep())
	require.Equal(t, int64(1), second.GetStep())
	stream.grant(t, first)
	stream.grant(t, second)
	until(t, s.ceremony, func(now syncmod.Status) bool { return now.Peers[0].Outbound })
}

func TestNoHeartbeatGoesOutWhileAResponseIsOutstanding(t *testing.T) {
	cfg := fast()
	cfg.ExchangeTimeout = 500 * time.Millisecond // ten heartbeats
	s := newScene(t, cfg, 1)
	streams := s.others[0].accept(t)
	stream := next(t, streams)
	stream.heed(t)

	require.Equal(t, "reset", stream.end(t).how) // the exchange timeout, and nothing before

	require.Equal(t, s.def.Hash, next(t, streams).heed(t).GetDefinitionHash())
}

func TestAWholeCeremonyAsAMemberSeesIt(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	heard := bob.answer()
	says := func(step int64, goodbye bool) func(*syncpb.SyncRequest) bool {
		return func(r *syncpb.SyncRequest) bool { return r.GetStep() == step && r.GetShutdown() == goodbye }
	}
	stream := s.meet(t, bob)
	done := make(chan error, 1)
	go func() { done <- s.ceremony.Run(context.Background(), syncmod.Step{Name: "only"}) }()

	await(t, heard, says(1, false))
	stream.accepted(t, bob.request(t, s.def, withStep(1)))
	await(t, heard, says(2, false)) // the last barrier
	stream.accepted(t, bob.request(t, s.def, withStep(2)))
	await(t, heard, says(2, true))
	stream.accepted(t, bob.request(t, s.def, withStep(2), withGoodbye))

	require.NoError(t, next(t, done))
}

func TestAGoodbyeWithoutAnAnswerIsSaidAgain(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	streams := bob.accept(t)
	stream := next(t, streams)
	stream.grant(t, stream.heed(t))
	s.meet(t, bob, withStep(1), withGoodbye)
	complete := make(chan error, 1)
	go func() { complete <- s.ceremony.Complete(context.Background()) }()
	for request := stream.heed(t); !request.GetShutdown(); request = stream.heed(t) {
		stream.grant(t, request)
	}
	require.NoError(t, stream.Reset()) // a circuit was recycled at that very moment

	stream = next(t, streams)
	again := stream.heed(t)
	require.True(t, again.GetShutdown())
	stream.grant(t, again)
	require.NoError(t, next(t, complete))
}
