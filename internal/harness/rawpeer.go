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

// RawPeer is a member, or a stranger, that a test plays by hand: a host, and
// streams on which every byte is the test's. It is foreign, as Charon and Pluto
// are, until [RawPeer.Become] makes a process with a session of it.
type RawPeer struct {
	Host host.Host

	acquaintance
}

// NewRawPeer starts a host with a new identity to be played by hand.
func NewRawPeer(t testing.TB) *RawPeer {
	t.Helper()
	return &RawPeer{Host: NewHost(t)}
}

// Raw has a test play an operator by hand, on the host of its node, which is not
// started.
func (c *Cluster) Raw(node int) *RawPeer { return &RawPeer{Host: c.Nodes[node].Host} }

// Request is what the peer has to say about a definition. A foreign peer says what
// Charon and Pluto say: no session, no definition hash. The one with a session
// names both. Whom it addresses is filled in when it is said, see [RawStream.Say].
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

// Connect makes a connection to a host, once.
func (p *RawPeer) Connect(t testing.TB, to host.Host) {
	t.Helper()
	Connect(t, p.Host, to)
}

// Open opens a stream to a host, and connects with it where that is to be done.
func (p *RawPeer) Open(t testing.TB, to host.Host) RawStream {
	t.Helper()
	p.Connect(t, to)
	stream, err := p.Host.NewStream(Within(t), to.ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Reset() }) // or a service that stops would wait for the end of it
	return RawStream{Stream: stream, Peer: p}
}

// Knock opens a stream to a host, says something on it, and returns what it gets,
// as [RawStream.Fate] does.
func (p *RawPeer) Knock(ctx context.Context, at host.Host, says []byte) string {
	stream, err := p.Host.NewStream(ctx, at.ID(), syncmod.ProtocolID)
	if err != nil {
		return EndOf(err)
	}
	defer func() { _ = stream.Reset() }()
	_, _ = stream.Write(says)
	return RawStream{Stream: stream, Peer: p}.Fate()
}

// Accept takes the streams that others open to the peer from now on.
func (p *RawPeer) Accept(t testing.TB) <-chan RawStream {
	t.Helper()
	streams := make(chan RawStream, 64)
	t.Cleanup(func() { _ = p.Host.Close() }) // or a service that stops would wait for its answers
	p.Handle(func(stream RawStream) { streams <- stream })
	return streams
}

// Answer serves every stream that is opened to the peer from now on, as a member
// does, and hands over what is said on them.
func (p *RawPeer) Answer() <-chan *syncpb.SyncRequest {
	said := make(chan *syncpb.SyncRequest, 1024)
	p.Serve(func(_ RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
		said <- r
		return p.Response(r)
	})
	return said
}

// Response is what a member answers to a request: its own session too, if the
// request carries one.
func (p *RawPeer) Response(r *syncpb.SyncRequest) *syncpb.SyncResponse {
	response := &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}
	if r.GetSessionId() != 0 {
		response.SessionId = p.Session()
	}
	return response
}

// Serve answers every request on every stream that is opened to the peer from
// now on. No response: that request gets no answer.
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

// Handle has every stream that is opened to the peer from now on be served in this
// way.
func (p *RawPeer) Handle(serve func(RawStream)) {
	p.mu.Lock()
	p.serves = true
	p.mu.Unlock()
	p.Host.SetStreamHandler(syncmod.ProtocolID, func(stream network.Stream) {
		serve(RawStream{Stream: stream, Peer: p})
	})
}
