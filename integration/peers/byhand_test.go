package peers_test

import (
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// byHand is carol. The test plays her by hand on the host of her node, whose app is not
// started. She answers everything until she is muted.
type byHand struct {
	*harness.RawPeer
	t       *testing.T
	c       *harness.Cluster
	streams map[int]harness.RawStream // the streams that she opened, by operator index
	heard   map[peer.ID]chan struct{} // closed once that member has said something

	mu    sync.Mutex
	muted bool
	clock time.Duration // how far its clock is off
}

// session is carol's session.
const session = 1002

func playByHand(t *testing.T, c *harness.Cluster) *byHand {
	t.Helper()
	p := &byHand{
		RawPeer: c.Raw(carol), t: t, c: c,
		streams: make(map[int]harness.RawStream), heard: make(map[peer.ID]chan struct{}),
	}
	for _, i := range c.Except(carol) {
		p.heard[c.Nodes[i].ID()] = make(chan struct{})
	}
	p.Serve(p.respond)
	p.Become(session)
	return p
}

// mute makes the member read on, but answer nothing.
func (p *byHand) mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
}

// setClock makes the member's clock wrong.
func (p *byHand) setClock(ahead time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = ahead
}

func (p *byHand) now() *timestamppb.Timestamp {
	p.mu.Lock()
	defer p.mu.Unlock()
	return timestamppb.New(time.Now().Add(p.clock))
}

func (p *byHand) isMute() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.muted
}

// tell says something to each of the nodes.
func (p *byHand) tell(nodes []int, says ...harness.Saying) {
	p.t.Helper()
	for _, to := range nodes {
		require.Empty(p.t, p.say(to, says...).GetError(), "said to %s", harness.Name(to))
	}
}

// say says something to a node, and returns the answer.
func (p *byHand) say(to int, says ...harness.Saying) *syncpb.SyncResponse {
	p.t.Helper()
	if p.Session() != 0 {
		p.Meet(p.t, p.c.Nodes[to].ID())
	}
	request := p.Request(p.t, p.c.Definition(carol, p.t.Name()), says...)
	request.Timestamp = p.now()
	if stream, opened := p.streams[to]; opened {
		if response, err := stream.Exchange(request); err == nil {
			return response
		}
	}
	return p.open(to).Ask(p.t, request)
}

// open opens a stream to a running node, on the connection that the node makes. When
// two hosts dial each other at the same moment, both may fail.
func (p *byHand) open(to int) harness.RawStream {
	p.t.Helper()
	p.awaitHeard(to)
	ctx := network.WithNoDial(p.c.Context(), "the connection is there")
	stream, err := p.Host.NewStream(ctx, p.c.Nodes[to].ID(), syncmod.ProtocolID)
	require.NoError(p.t, err, harness.Name(to))
	p.t.Cleanup(func() { _ = stream.Reset() })
	p.streams[to] = harness.RawStream{Stream: stream, Peer: p.RawPeer}
	return p.streams[to]
}

// respond answers a request, unless the member is mute.
func (p *byHand) respond(stream harness.RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
	p.hear(stream.Conn().RemotePeer())
	if p.isMute() {
		return nil
	}
	response := p.Response(r)
	response.SyncTimestamp = p.now()
	return response
}

func (p *byHand) hear(from peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.heard[from]:
	default:
		close(p.heard[from])
	}
}

// awaitHeard waits until a node has said something.
func (p *byHand) awaitHeard(from int) {
	p.t.Helper()
	select {
	case <-p.heard[p.c.Nodes[from].ID()]:
	case <-time.After(harness.Patience):
		require.Fail(p.t, "it says nothing", harness.Name(from))
	}
}
