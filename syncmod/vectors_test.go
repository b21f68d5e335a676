package syncmod_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/internal/vectors"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// stage rebuilds the two hosts of the recording: alice has the server's key and
// our service, bob has the client's key and is played by hand.
func stage(t testing.TB, r vectors.Recording) *scene {
	t.Helper()
	cfg := harness.Fast()
	cfg.Version = "v1.11"
	keys := harness.Keys(harness.Key(t, r.ServerKey), harness.Key(t, r.ClientKey))
	c := harness.New(t, 2, harness.With(cfg), keys)
	require.Equal(t, r.ServerPeerID, c.Nodes[0].ID().String())
	require.Equal(t, r.ClientPeerID, c.Nodes[1].ID().String())
	def := c.Define(t.Name())
	def.Hash = r.DefinitionHash
	return play(t, c, def)
}

// recordedFailures has the error of our ceremony for each recorded scenario that ends
// in a fatal error of Charon.
var recordedFailures = map[string]error{
	"initial_step_2_rejected":        syncmod.ErrSelfRestarted,
	"initial_step_negative_rejected": syncmod.ErrStepSkipped,
	"step_jump_3_rejected":           syncmod.ErrStepSkipped,
	"step_regression_rejected":       syncmod.ErrPeerRestarted,
	"version_minor_mismatch":         syncmod.ErrVersionMismatch,
	"version_garbage":                syncmod.ErrVersionMismatch,
	"version_empty":                  syncmod.ErrVersionMismatch,
	"signature_of_other_hash":        syncmod.ErrBadSignature,
	"signature_empty":                syncmod.ErrBadSignature,
	"signature_garbage":              syncmod.ErrBadSignature,
	"shutdown_with_wrong_signature":  syncmod.ErrBadSignature,
}

func TestRecordedScenariosAreServedAsByCharon(t *testing.T) {
	recorded := vectors.Charon()
	for _, scenario := range recorded.Scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			s := stage(t, recorded)
			stream := s.others[0].Open(t, s.Host)

			for i := range scenario.Exchanges {
				if !replay(t, stream, scenario, i) {
					break
				}
			}

			require.ErrorIs(t, s.ceremony.Err(), recordedFailures[scenario.Name])
			require.Equal(t, scenario.Fatal, s.ceremony.Err() != nil)
		})
	}
}

// replay plays one recorded exchange. It returns false once the stream has
// ended.
func replay(t *testing.T, stream harness.RawStream, recorded vectors.Scenario, i int) (goesOn bool) {
	exchange := recorded.Exchanges[i]
	stream.Send(t, exchange.Send)
	if len(exchange.Receive) == 0 {
		stream.RequireReset(t) // no frame at all: Charon closed the stream, this node resets it
		return false
	}
	answer := make([]byte, len(exchange.Receive))
	if !rejects(exchange.Receive) {
		require.NoError(t, stream.SetReadDeadline(time.Now().Add(harness.Patience)))
		_, err := io.ReadFull(stream, answer)
		require.NoError(t, err)
		require.Equal(t, []byte(exchange.Receive), answer)
		if exchange.End == "closed" {
			stream.RequireClosed(t)
			return false
		}
		return true
	}
	response := stream.Hear(t)
	require.NotEmpty(t, response.GetError()) // in our own words
	require.Equal(t, decoded(t, exchange.Receive).GetSyncTimestamp().AsTime(), response.GetSyncTimestamp().AsTime())
	require.Zero(t, response.GetSessionId())
	// This node closes the stream after every refusal. After a wrong version or signature, Charon keeps it open
	// and repeats the error.
	stream.RequireClosed(t)
	return false
}

// rejects reports whether a recorded response carries an error. The response to
// a request without a timestamp is an empty frame, which carries no error.
func rejects(frame []byte) bool {
	var response syncpb.SyncResponse
	err := harness.ReadMessage(bytes.NewReader(frame), &response)
	return err == nil && response.GetError() != ""
}

func decoded(t testing.TB, frame []byte) *syncpb.SyncResponse {
	t.Helper()
	response := new(syncpb.SyncResponse)
	require.NoError(t, harness.ReadMessage(bytes.NewReader(frame), response))
	return response
}

func TestARefusedStreamGetsNoMoreAnswers(t *testing.T) {
	recorded := vectors.Charon()
	s := stage(t, recorded)
	stream := s.others[0].Open(t, s.Host)
	refused := s.others[0].Request(t, s.def, harness.Version("v1.10"))

	stream.Say(t, refused)
	stream.Say(t, refused)

	require.NotEmpty(t, stream.Hear(t).GetError())
	stream.RequireClosed(t)
}

func TestARejectedGoodbyeDoesNotCount(t *testing.T) {
	s := stage(t, vectors.Charon())
	bob := s.others[0]
	stream := s.meet(t, bob, harness.Version("v1.11"))

	refusal := stream.Ask(t, bob.Request(t, s.def, harness.Version("v1.10"), harness.Step(1), harness.Goodbye))

	require.NotEmpty(t, refusal.GetError())
	require.False(t, s.ceremony.Status().Peers[0].Done)
	require.Zero(t, s.ceremony.Status().Peers[0].Step)
}

func TestAnAcceptedGoodbyeCounts(t *testing.T) {
	s := stage(t, vectors.Charon())
	bob := s.others[0]

	s.meet(t, bob, harness.Version("v1.11"), harness.Goodbye)

	require.True(t, s.ceremony.Status().Peers[0].Done)
}

func TestCharonsFramesAreUnderstood(t *testing.T) {
	recorded := vectors.Charon()
	s := stage(t, recorded)
	stream := s.others[0].Open(t, s.Host)

	for _, frame := range recorded.ClientFrames {
		stream.Send(t, frame)
		require.Empty(t, stream.Hear(t).GetError())
	}

	stream.RequireClosed(t)
	bob := s.ceremony.Status().Peers[0]
	require.Equal(t, "alice", bob.Nickname) // as recorded
	require.Equal(t, "v1.11", bob.Version)
	require.Equal(t, int64(1), bob.Step)
	require.True(t, bob.Done)
}
