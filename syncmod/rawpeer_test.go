package syncmod_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// limit is what the tests read with, in bytes.
const limit = 4 << 20

// rawPeer is a member, or a stranger, that a test plays by hand: a host of its
// own, and streams on which every byte is the test's.
type rawPeer struct {
	host host.Host
}

func newRawPeer(t testing.TB) *rawPeer {
	t.Helper()
	return &rawPeer{host: newHost(t)}
}

// saying changes what a request says.
type saying func(*syncpb.SyncRequest)

func withStep(step int64) saying        { return func(r *syncpb.SyncRequest) { r.Step = step } }
func withSession(n uint64) saying       { return func(r *syncpb.SyncRequest) { r.SessionId = n } }
func withVersion(v string) saying       { return func(r *syncpb.SyncRequest) { r.Version = v } }
func withNickname(name string) saying   { return func(r *syncpb.SyncRequest) { r.Nickname = name } }
func withGoodbye(r *syncpb.SyncRequest) { r.Shutdown = true }
func withSignature(b []byte) saying {
	return func(r *syncpb.SyncRequest) { r.HashSignature = b }
}

func withHash(hash []byte) saying {
	return func(r *syncpb.SyncRequest) { r.DefinitionHash = hash }
}

func withAbort(reason string, culprit peer.ID) saying {
	return func(r *syncpb.SyncRequest) { r.Abort, r.Culprit = reason, []byte(culprit) }
}

// request is what the peer has to say about a definition. Unless the test says
// otherwise it is what Charon and Pluto say: no session, no definition hash.
func (p *rawPeer) request(t testing.TB, def syncmod.Definition, says ...saying) *syncpb.SyncRequest {
	t.Helper()
	signature, err := p.host.Peerstore().PrivKey(p.host.ID()).Sign(def.Hash)
	require.NoError(t, err)
	r := &syncpb.SyncRequest{Timestamp: timestamppb.Now(), HashSignature: signature, Version: "v1.0"}
	for _, say := range says {
		say(r)
	}
	return r
}

// connect makes a connection to a host, once.
func (p *rawPeer) connect(t testing.TB, to host.Host) {
	t.Helper()
	require.NoError(t, p.host.Connect(within(t), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}))
}

// open opens a stream to a host.
func (p *rawPeer) open(t testing.TB, to host.Host) *rawStream {
	t.Helper()
	p.connect(t, to)
	stream, err := p.host.NewStream(within(t), to.ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Reset() }) // or a service that stops would wait for the end of it
	return newRawStream(stream)
}

// accept takes the streams that others open to the peer from now on.
func (p *rawPeer) accept(t testing.TB) <-chan *rawStream {
	t.Helper()
	streams := make(chan *rawStream, 64)
	t.Cleanup(func() { _ = p.host.Close() }) // or a service that stops would wait for its answers
	p.host.SetStreamHandler(syncmod.ProtocolID, func(stream network.Stream) { streams <- newRawStream(stream) })
	return streams
}

// answer serves every stream that is opened to the peer from now on, as a
// member without a session does, and hands over what is said on them.
func (p *rawPeer) answer() <-chan *syncpb.SyncRequest {
	said := make(chan *syncpb.SyncRequest, 1024)
	p.serve(func(r *syncpb.SyncRequest) *syncpb.SyncResponse {
		said <- r
		return &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}
	})
	return said
}

// serve answers every request on every stream that is opened to the peer from
// now on. No response: the stream is left alone from there.
func (p *rawPeer) serve(respond func(*syncpb.SyncRequest) *syncpb.SyncResponse) {
	p.host.SetStreamHandler(syncmod.ProtocolID, func(stream network.Stream) {
		reader := wire.NewReader(stream, limit)
		for {
			request := new(syncpb.SyncRequest)
			if err := reader.Request(request); err != nil {
				_ = stream.Reset()
				return
			}
			response := respond(request)
			if response == nil {
				return
			}
			frame, _ := wire.AppendResponse(nil, response)
			_, _ = stream.Write(frame)
			if request.GetShutdown() || request.GetAbort() != "" {
				_ = stream.Close()
				return
			}
		}
	})
}

// rawStream is a stream whose every byte is the test's.
type rawStream struct {
	network.Stream
	reader *wire.Reader
}

func newRawStream(stream network.Stream) *rawStream {
	return &rawStream{Stream: stream, reader: wire.NewReader(stream, limit)}
}

// say sends a request, in one write.
func (s *rawStream) say(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	frame, err := wire.AppendRequest(nil, r)
	require.NoError(t, err)
	s.write(t, frame)
}

func (s *rawStream) write(t testing.TB, b []byte) {
	t.Helper()
	_, err := s.Write(b)
	require.NoError(t, err)
}

// hear reads a response.
func (s *rawStream) hear(t testing.TB) *syncpb.SyncResponse {
	t.Helper()
	require.NoError(t, s.SetReadDeadline(time.Now().Add(patience)))
	response := new(syncpb.SyncResponse)
	require.NoError(t, s.reader.Response(response))
	return response
}

// listen waits for a response in the background.
func (s *rawStream) listen() <-chan error {
	heard := make(chan error, 1)
	go func() { heard <- s.reader.Response(new(syncpb.SyncResponse)) }()
	return heard
}

// heed reads a request.
func (s *rawStream) heed(t testing.TB) *syncpb.SyncRequest {
	t.Helper()
	require.NoError(t, s.SetReadDeadline(time.Now().Add(patience)))
	request := new(syncpb.SyncRequest)
	require.NoError(t, s.reader.Request(request))
	return request
}

// grant answers a request as a member without a session does.
func (s *rawStream) grant(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	frame, err := wire.AppendResponse(nil, &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()})
	require.NoError(t, err)
	s.write(t, frame)
}

// ask sends a request and reads the response.
func (s *rawStream) ask(t testing.TB, r *syncpb.SyncRequest) *syncpb.SyncResponse {
	t.Helper()
	s.say(t, r)
	return s.hear(t)
}

// accepted sends a request that has to be accepted.
func (s *rawStream) accepted(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	require.Empty(t, s.ask(t, r).GetError())
}

// streamEnd is how the other side ended a stream.
type streamEnd struct {
	how  string // closed, reset or open
	code network.StreamErrorCode
}

// end reads until the other side ends the stream. Anything that comes instead
// fails the test.
func (s *rawStream) end(t testing.TB) streamEnd {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience)) // of no use, and an error, on a stream that was reset
	n, err := s.Read(make([]byte, 1))
	require.Zero(t, n, "the stream goes on")
	return endOf(err)
}

func endOf(err error) streamEnd {
	var reset *network.StreamError
	var timeout interface{ Timeout() bool }
	switch {
	case err == io.EOF: //nolint:errorlint // a connection that died may wrap io.EOF
		return streamEnd{how: "closed"}
	case errors.As(err, &reset):
		return streamEnd{how: "reset", code: reset.ErrorCode}
	case errors.As(err, &timeout) && timeout.Timeout():
		return streamEnd{how: "open"}
	}
	return streamEnd{how: err.Error()}
}

func requireClosed(t testing.TB, s *rawStream) {
	t.Helper()
	require.Equal(t, "closed", s.end(t).how)
}

func requireReset(t testing.TB, s *rawStream) {
	t.Helper()
	require.Equal(t, "reset", s.end(t).how)
}

// next takes what comes next from a channel.
func next[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}

// await takes what a member heard until it is as wanted.
func await(t testing.TB, said <-chan *syncpb.SyncRequest, wanted func(*syncpb.SyncRequest) bool) *syncpb.SyncRequest {
	t.Helper()
	for {
		if r := next(t, said); wanted(r) {
			return r
		}
	}
}
