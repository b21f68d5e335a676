package harness

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// RawPeer is a member or a stranger that a test plays by hand. It has a host, and
// streams on which the test writes every byte. At first it behaves like a reference
// implementation (Charon or Pluto). [RawPeer.Become] gives it a session.
type RawPeer struct {
	Host host.Host

	acquaintance
}

// NewRawPeer returns a RawPeer on a new host with a new identity.
func NewRawPeer(t testing.TB) *RawPeer {
	t.Helper()
	return &RawPeer{Host: NewHost(t)}
}

// Raw returns a RawPeer for an operator, on the host of that operator's node. The node
// must not be started.
func (c *Cluster) Raw(node int) *RawPeer { return &RawPeer{Host: c.Nodes[node].Host} }

// Request returns a request of the peer about a definition. Without a session, the peer
// sends what Charon and Pluto send: no session and no definition hash. With a session,
// the request has both. [RawStream.Say] fills in the addressee.
func (p *RawPeer) Request(t testing.TB, def syncmod.Definition, says ...Saying) *syncpb.SyncRequest {
	t.Helper()
	signature, err := p.Host.Peerstore().PrivKey(p.Host.ID()).Sign(def.Hash)
	require.NoError(t, err)
	r := &syncpb.SyncRequest{
		Timestamp: timestamppb.Now(), HashSignature: signature, Version: "v1.0", SessionId: p.Session(),
	}
	if r.SessionId != 0 {
		r.DefinitionHash = def.Hash
	}
	for _, say := range says {
		say(r)
	}
	return r
}

// Connect connects the peer to a host, unless they are connected.
func (p *RawPeer) Connect(t testing.TB, to host.Host) {
	t.Helper()
	Connect(t, p.Host, to)
}

// Open opens a stream to a host. It connects to the host first if necessary.
func (p *RawPeer) Open(t testing.TB, to host.Host) RawStream {
	t.Helper()
	p.Connect(t, to)
	stream, err := p.Host.NewStream(Within(t), to.ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Reset() }) // otherwise a service that stops would wait for the end of this stream
	return RawStream{Stream: stream, Peer: p}
}

// Knock opens a stream to a host, writes bytes to it, and returns what comes back, as
// [RawStream.Fate] does.
func (p *RawPeer) Knock(ctx context.Context, at host.Host, says []byte) string {
	stream, err := p.Host.NewStream(ctx, at.ID(), syncmod.ProtocolID)
	if err != nil {
		return EndOf(err)
	}
	defer func() { _ = stream.Reset() }()
	_, _ = stream.Write(says)
	return RawStream{Stream: stream, Peer: p}.Fate()
}

// Accept returns a channel with the streams that others open to the peer from now on.
func (p *RawPeer) Accept(t testing.TB) <-chan RawStream {
	t.Helper()
	streams := make(chan RawStream, 64)
	t.Cleanup(func() { _ = p.Host.Close() }) // otherwise a service that stops would wait for this peer's answers
	p.Handle(func(stream RawStream) { streams <- stream })
	return streams
}

// Answer serves every stream that others open to the peer from now on, as a member does.
// It returns a channel with the requests on these streams.
func (p *RawPeer) Answer() <-chan *syncpb.SyncRequest {
	said := make(chan *syncpb.SyncRequest, 1024)
	p.Serve(func(_ RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
		said <- r
		return p.Response(r)
	})
	return said
}

// Response returns a member's response to a request. If the request has a session, the
// response contains the peer's own session.
func (p *RawPeer) Response(r *syncpb.SyncRequest) *syncpb.SyncResponse {
	response := &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}
	if r.GetSessionId() != 0 {
		response.SessionId = p.Session()
	}
	return response
}

// Serve answers every request on every stream that others open to the peer from now on.
// If respond returns nil, the request gets no answer.
func (p *RawPeer) Serve(respond func(RawStream, *syncpb.SyncRequest) *syncpb.SyncResponse) {
	p.Handle(func(stream RawStream) {
		for {
			request := new(syncpb.SyncRequest)
			if err := stream.ReadRequest(request); err != nil {
				_ = stream.Reset()
				return
			}
			response := respond(stream, request)
			if response == nil {
				continue
			}
			_, _ = stream.Write(Frame(response))
			if request.GetShutdown() || request.GetAbort() != "" {
				_ = stream.Close()
				return
			}
		}
	})
}

// Handle calls serve for every stream that others open to the peer from now on.
func (p *RawPeer) Handle(serve func(RawStream)) {
	p.mu.Lock()
	p.serves = true
	p.mu.Unlock()
	p.Host.SetStreamHandler(syncmod.ProtocolID, func(stream network.Stream) {
		serve(RawStream{Stream: stream, Peer: p})
	})
}
