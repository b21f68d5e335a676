package syncmod_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/vectors"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// stage rebuilds the two hosts of the recording: alice with the server's key and
// a service of ours, bob with the client's key, played by hand.
func stage(t testing.TB, r vectors.Recording) *scene {
	t.Helper()
	alice, bob := newHostWithKey(t, secp256k1(t, r.ServerKey)), newHostWithKey(t, secp256k1(t, r.ClientKey))
	require.Equal(t, r.ServerPeerID, alice.ID().String())
	require.Equal(t, r.ClientPeerID, bob.ID().String())
	cfg := fast()
	cfg.Version = "v1.11"
	s := &scene{
		node: &node{host: alice, service: startService(t, alice, cfg)}, others: []*rawPeer{{host: bob}},
		def: syncmod.Definition{Hash: r.DefinitionHash, Peers: definitionOf("", alice, bob).Peers},
	}
	s.others[0].connect(t, s.host) // before alice dials
	s.ceremony = open(t, []*node{s.node}, s.def)[0]
	return s
}

func secp256k1(t testing.TB, raw []byte) crypto.PrivKey {
	t.Helper()
	key, err := crypto.UnmarshalSecp256k1PrivateKey(raw)
	require.NoError(t, err)
	return key
}

// recordedFailures says what our ceremony fails with where Charon's recorded a
// fatal error.
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

func TestEveryRecordedScenarioIsServedAsCharonServesIt(t *testing.T) {
	recorded := vectors.Charon()
	for _, scenario := range recorded.Scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			s := stage(t, recorded)
			stream := s.others[0].open(t, s.host)

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
func replay(t *testing.T, stream *rawStream, recorded vectors.Scenario, i int) (goesOn bool) {
	exchange := recorded.Exchanges[i]
	stream.write(t, exchange.Send)
	if len(exchange.Receive) == 0 {
		requireReset(t, stream) // no frame at all: closed by Charon, reset by us
		return false
	}
	answer := make([]byte, len(exchange.Receive))
	if !rejects(exchange.Receive) {
		require.NoError(t, stream.SetReadDeadline(time.Now().Add(patience)))
		_, err := io.ReadFull(stream, answer)
		require.NoError(t, err)
		require.Equal(t, []byte(exchange.Receive), answer)
		if exchange.End == "closed" {
			requireClosed(t, stream)
			return false
		}
		return true
	}
	response := stream.hear(t)
	require.NotEmpty(t, response.GetError()) // in words of our own
	require.Equal(t, decoded(t, exchange.Receive).GetSyncTimestamp().AsTime(), response.GetSyncTimestamp().AsTime())
	require.Zero(t, response.GetSessionId())
	requireClosed(t, stream) // after every refusal: Charon repeats its own after checks 1 and 2
	return false
}

// rejects tells whether a recorded response carries an error. That of a request
// without a timestamp is an empty frame, which no reader takes.
func rejects(frame []byte) bool {
	var response syncpb.SyncResponse
	err := wire.NewReader(bytes.NewReader(frame), limit).Response(&response)
	return err == nil && response.GetError() != ""
}

func decoded(t testing.TB, frame []byte) *syncpb.SyncResponse {
	t.Helper()
	response := new(syncpb.SyncResponse)
	require.NoError(t, wire.NewReader(bytes.NewReader(frame), limit).Response(response))
	return response
}

func TestWhatIsSaidAfterARefusalGetsNoAnswer(t *testing.T) {
	recorded := vectors.Charon()
	s := stage(t, recorded)
	stream := s.others[0].open(t, s.host)
	refused := s.others[0].request(t, s.def, withVersion("v1.10"))

	stream.say(t, refused)
	stream.say(t, refused)

	require.NotEmpty(t, stream.hear(t).GetError())
	requireClosed(t, stream)
}

func TestARejectedGoodbyeDoesNotCount(t *testing.T) {
	s := stage(t, vectors.Charon())
	bob := s.others[0]
	stream := s.meet(t, bob, withVersion("v1.11"))

	refusal := stream.ask(t, bob.request(t, s.def, withVersion("v1.10"), withStep(1), withGoodbye))

	require.NotEmpty(t, refusal.GetError())
	require.False(t, s.ceremony.Status().Peers[0].Done)
	require.Zero(t, s.ceremony.Status().Peers[0].Step)
}

func TestAnAcceptedGoodbyeCounts(t *testing.T) {
	s := stage(t, vectors.Charon())
	bob := s.others[0]

	s.meet(t, bob, withVersion("v1.11"), withGoodbye)

	require.True(t, s.ceremony.Status().Peers[0].Done)
}

func TestTheFramesOfCharonsClientAreUnderstood(t *testing.T) {
	recorded := vectors.Charon()
	s := stage(t, recorded)
	stream := s.others[0].open(t, s.host)

	for _, frame := range recorded.ClientFrames {
		stream.write(t, frame)
		require.Empty(t, stream.hear(t).GetError())
	}

	requireClosed(t, stream)
	bob := s.ceremony.Status().Peers[0]
	require.Equal(t, "alice", bob.Nickname) // as it was recorded
	require.Equal(t, "v1.11", bob.Version)
	require.Equal(t, int64(1), bob.Step)
	require.True(t, bob.Done)
}
