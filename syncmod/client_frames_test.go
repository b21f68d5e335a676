package syncmod_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestTheFirstRequestIntroducesItself(t *testing.T) {
	cfg := harness.Fast()
	cfg.Version, cfg.Nickname = "v1.11", "alice the first"
	s := newScene(t, cfg, 1)
	streams := s.others[0].Accept(t)

	first := harness.Next(t, streams).Heed(t)

	signed, err := s.Host.Peerstore().PubKey(s.Host.ID()).Verify(s.def.Hash, first.GetHashSignature())
	require.NoError(t, err)
	require.True(t, signed)
	require.Equal(t, s.def.Hash, first.GetDefinitionHash())
	require.NotZero(t, first.GetSessionId())
	require.Equal(t, "v1.11", first.GetVersion())
	require.Equal(t, "alice the first", first.GetNickname())
	require.Zero(t, first.GetStep())
	require.False(t, first.GetShutdown())
	require.WithinDuration(t, time.Now(), first.GetTimestamp().AsTime(), harness.Patience)
}

func TestLaterRequestsOnlyNameTheSession(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	stream := harness.Next(t, s.others[0].Accept(t))
	first := stream.Heed(t)
	for range 3 {
		stream.Grant(t, first)

		next := stream.Heed(t) // a heartbeat

		require.Empty(t, next.GetDefinitionHash())
		require.Equal(t, first.GetSessionId(), next.GetSessionId())
		require.Equal(t, first.GetHashSignature(), next.GetHashSignature())
		require.False(t, next.GetTimestamp().AsTime().Before(first.GetTimestamp().AsTime()))
	}
}

func TestANewStreamRepeatsTheIntroduction(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	streams := s.others[0].Accept(t)
	lost := harness.Next(t, streams)
	first := lost.Heed(t)
	require.NoError(t, s.ceremony.SetStep(1))
	require.NoError(t, lost.Reset())

	again := harness.Next(t, streams).Heed(t)

	require.Equal(t, s.def.Hash, again.GetDefinitionHash())
	require.Equal(t, first.GetSessionId(), again.GetSessionId())
	require.Equal(t, int64(1), again.GetStep())
}

func TestAFrameNeverArrivesInPieces(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	stream := harness.Next(t, s.others[0].Accept(t))
	buf := make([]byte, 1<<16)
	for i := range 12 {
		require.NoError(t, stream.SetReadDeadline(time.Now().Add(harness.Patience)))

		n, err := stream.Read(buf) // as Charon reads: only what the first Read returns

		require.NoError(t, err)
		require.Greater(t, n, wire.HeaderSize)
		require.Equal(t, uint64(n-wire.HeaderSize), binary.LittleEndian.Uint64(buf))
		require.Less(t, n, 1200)
		var request syncpb.SyncRequest
		require.NoError(t, wire.DecodeRequest(buf[wire.HeaderSize:n], &request))
		if i == 5 {
			require.NoError(t, s.ceremony.SetStep(1))
		}
		stream.Grant(t, &request)
	}
}

func TestAStepDoesNotWaitForAResponse(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	stream := harness.Next(t, s.others[0].Accept(t))
	first := stream.Heed(t) // it gets no response

	require.NoError(t, s.ceremony.SetStep(1))

	second := stream.Heed(t)
	require.Zero(t, first.GetStep())
	require.Equal(t, int64(1), second.GetStep())
	stream.Grant(t, first)
	stream.Grant(t, second)
	harness.Until(t, s.ceremony, func(now syncmod.Status) bool { return now.Peers[0].Outbound })
}

func TestHeartbeatsWaitForResponses(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	streams := s.others[0].Accept(t)
	stream := harness.Next(t, streams)
	stream.Heed(t)

	stream.RequireReset(t) // after the exchange timeout, which is forty heartbeats long, and not earlier

	require.Equal(t, s.def.Hash, harness.Next(t, streams).Heed(t).GetDefinitionHash())
}

func TestAWholeCeremonyAsAMemberSeesIt(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	heard := bob.Answer()
	says := func(step int64, goodbye bool) func(*syncpb.SyncRequest) bool {
		return func(r *syncpb.SyncRequest) bool { return r.GetStep() == step && r.GetShutdown() == goodbye }
	}
	stream := s.meet(t, bob)
	done := make(chan error, 1)
	go func() { done <- s.ceremony.Run(context.Background(), syncmod.Step{Name: "only"}) }()

	harness.Await(t, heard, says(1, false))
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1)))
	harness.Await(t, heard, says(2, false)) // the last barrier
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2)))
	harness.Await(t, heard, says(2, true))
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), harness.Goodbye))

	require.NoError(t, harness.Next(t, done))
}

func TestAnUnansweredGoodbyeIsRepeated(t *testing.T) {
	for name, session := range sessions {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			streams := bob.Accept(t) // before Become, which answers the streams that nobody takes
			bob.Become(session)
			stream := harness.Next(t, streams)
			for greeted := false; !greeted; {
				request := stream.Heed(t)
				stream.Grant(t, request)
				greeted = request.GetAddressee() == session
			}
			s.meet(t, bob, harness.Step(1), harness.Goodbye)
			complete := make(chan error, 1)
			go func() { complete <- s.ceremony.Complete(context.Background()) }()
			for request := stream.Heed(t); !request.GetShutdown(); request = stream.Heed(t) {
				stream.Grant(t, request)
			}
			require.NoError(t, stream.Reset()) // as if a circuit was recycled at that moment

			stream = harness.Next(t, streams)
			again := stream.Heed(t)
			require.True(t, again.GetShutdown())
			require.Equal(t, session, again.GetAddressee(), "else it does not count")
			stream.Grant(t, again)
			require.NoError(t, harness.Next(t, complete))
		})
	}
}
