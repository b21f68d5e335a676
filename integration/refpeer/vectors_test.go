package refpeer_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/internal/vectors"
)

// stage rebuilds the two hosts of the recording, with a reference peer on one of them.
func stage(
	t testing.TB, r vectors.Recording, ofServer bool, opts refpeer.Options,
) (server, client host.Host, p *refpeer.Peer) {
	t.Helper()
	server = harness.NewHostWithKey(t, harness.Key(t, r.ServerKey))
	client = harness.NewHostWithKey(t, harness.Key(t, r.ClientKey))
	def := refpeer.Definition{Hash: r.DefinitionHash, Peers: []peer.ID{client.ID(), server.ID()}}
	at := client
	if ofServer {
		at = server
	}
	harness.Connect(t, client, server)
	return server, client, newPeer(t, at, def, opts)
}

func TestRecordedScenariosAreServed(t *testing.T) {
	recorded := vectors.Charon()
	for _, scenario := range recorded.Scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			server, client, p := stage(t, recorded, true, refpeer.Options{Version: scenario.ServerVersion})
			p.Serve()
			stream := openStream(t, client, server)
			for _, exchange := range scenario.Exchanges {
				stream.Send(t, exchange.Send)
				requireAnswer(t, stream, exchange.Receive)
				if exchange.End == "closed" {
					stream.RequireClosed(t)
				} else {
					last := lastFrame(exchange.Send) // it stayed open: the same request gets the same answer
					stream.Send(t, last)
					requireAnswer(t, stream, lastFrame(exchange.Receive))
				}
			}

			require.Equal(t, scenario.Fatal, p.Err() != nil, p.Err())
		})
	}
}

// requireAnswer requires the recorded answer. An error may have other words.
func requireAnswer(t testing.TB, stream harness.RawStream, recorded []byte) {
	t.Helper()
	for len(recorded) > 0 {
		want := recorded[:8+size(recorded)]
		recorded = recorded[len(want):]
		got := readFrame(t, stream)
		at, text := refpeer.DecodeResponse(t, want[8:])
		if text == "" {
			require.Equal(t, want, got)
			continue
		}
		gotAt, gotText := refpeer.DecodeResponse(t, got[8:])
		require.Equal(t, at, gotAt)
		require.NotEmpty(t, gotText)
	}
}

func TestTheClientSendsRecordedBytes(t *testing.T) {
	recorded := vectors.Charon()
	server, _, p := stage(t, recorded, false, refpeer.Options{Version: "v1.11", Nickname: "alice"})
	streams := make(chan harness.RawStream, 1)
	server.SetStreamHandler(refpeer.ProtocolID, func(s network.Stream) { streams <- harness.RawStream{Stream: s} })
	p.Dial()
	stream := <-streams
	for i, next := range []func(){
		func() { p.SetStep(1) },
		func() { go func() { _ = p.Shutdown(harness.Within(t)) }() },
		func() {},
	} {
		frame := readFrame(t, stream)
		want := refpeer.WithoutTimestamp(t, recorded.ClientFrames[i][8:])
		require.Equal(t, want, refpeer.WithoutTimestamp(t, frame[8:]))
		next()
		stream.Send(t, answerTo(t, frame))
	}
	stream.RequireClosed(t)
}

func TestRecordedFramesEncodeAgain(t *testing.T) {
	recorded := vectors.Charon()
	for _, frame := range recorded.ClientFrames {
		require.Equal(t, []byte(frame[8:]), refpeer.ReencodeRequest(t, frame[8:]))
	}
	for _, scenario := range recorded.Scenarios {
		for _, exchange := range scenario.Exchanges {
			if len(exchange.Receive) > 8 {
				last := lastFrame(exchange.Receive)
				require.Equal(t, last[8:], refpeer.ReencodeResponse(t, last[8:]), scenario.Name)
			}
		}
	}
}

// size returns the length at the beginning of a frame.
func size(frame []byte) int { return int(binary.LittleEndian.Uint64(frame)) } //nolint:gosec // of a recorded frame

// lastFrame returns the last of the frames that were sent in one write.
func lastFrame(frames []byte) []byte {
	for len(frames) > 8+size(frames) {
		frames = frames[8+size(frames):]
	}
	return frames
}

// readFrame reads a frame of any length. An empty response has the length 0.
func readFrame(t testing.TB, stream harness.RawStream) []byte {
	t.Helper()
	require.NoError(t, stream.SetReadDeadline(time.Now().Add(harness.Patience)))
	payload, err := harness.ReadFrame(stream)
	require.NoError(t, err)
	return harness.Framed(payload)
}

// answerTo returns the answer of a server that accepts a request.
func answerTo(t testing.TB, frame []byte) []byte {
	t.Helper()
	return harness.Framed(refpeer.Accept(t, frame[8:]))
}
