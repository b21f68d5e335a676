package syncmod_test

import (
	"context"
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

// scene is one real node, alice, among members that the test plays by hand.
type scene struct {
	*node
	def      syncmod.Definition
	ceremony *syncmod.Ceremony
	others   []*rawPeer // operators 1, 2, …: bob, carol, …
}

func newScene(t testing.TB, cfg syncmod.Config, others int) *scene {
	t.Helper()
	s := &scene{node: &node{host: newHost(t)}}
	hosts := []host.Host{s.host}
	for range others {
		p := newRawPeer(t)
		s.others = append(s.others, p)
		hosts = append(hosts, p.host)
	}
	s.def = definitionOf(t.Name(), hosts...)
	s.service = startService(t, s.host, cfg)
	for _, p := range s.others {
		p.connect(t, s.host) // before alice dials: two hosts that dial each other at the same moment may both fail
	}
	s.ceremony = open(t, []*node{s.node}, s.def)[0]
	return s
}

// meet opens a stream of a member to alice and says its first request, which
// has to be accepted.
func (s *scene) meet(t testing.TB, p *rawPeer, says ...saying) *rawStream {
	t.Helper()
	stream := p.open(t, s.host)
	stream.accepted(t, p.request(t, s.def, says...))
	return stream
}

// run brings alice and the others, who answer everything, past the barrier of
// step 1.
func (s *scene) run(t testing.TB, says ...saying) []*rawStream {
	t.Helper()
	var streams []*rawStream
	for _, p := range s.others {
		p.answer()
		streams = append(streams, s.meet(t, p, append(says, withStep(1))...))
	}
	step, err := s.ceremony.Advance(within(t))
	require.NoError(t, err)
	require.Equal(t, int64(1), step)
	return streams
}

// until watches a ceremony until its status is as wanted.
func until(t testing.TB, c *syncmod.Ceremony, wanted func(syncmod.Status) bool) syncmod.Status {
	t.Helper()
	var last syncmod.Status
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for last = range c.Watch(ctx) {
		if wanted(last) {
			return last
		}
	}
	require.Failf(t, "the status never became as wanted", "the last one: %+v", last)
	return last
}

// failure waits until a ceremony has failed.
func failure(t testing.TB, c *syncmod.Ceremony) error {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		require.Fail(t, "the ceremony goes on")
	}
	require.Error(t, c.Err())
	return c.Err()
}

// culprit is the member that a failure names.
func culprit(t testing.TB, err error) *syncmod.PeerError {
	t.Helper()
	var failed *syncmod.PeerError
	require.ErrorAs(t, err, &failed)
	return failed
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
