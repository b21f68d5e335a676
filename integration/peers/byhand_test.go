package peers_test

import (
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// byHand is carol, played by the test by hand, on the host of her node, which is not
// started. She answers everything until she is muted.
type byHand struct {
	t       *testing.T
	c       *harness.Cluster
	node    *harness.Node
	streams map[int]network.Stream    // its own, by operator index
	heard   map[peer.ID]chan struct{} // closed once that member has said something

	mu    sync.Mutex
	muted bool
	clock time.Duration // how wrong its clock is
}

func playByHand(t *testing.T, c *harness.Cluster) *byHand {
	t.Helper()
	p := &byHand{t: t, c: c, node: c.Nodes[carol], streams: make(map[int]network.Stream), heard: make(map[peer.ID]chan struct{})}
	for _, i := range c.Except(carol) {
		p.heard[c.Nodes[i].ID()] = make(chan struct{})
	}
	p.node.Host.SetStreamHandler(syncmod.ProtocolID, p.serve)
	return p
}

// saying changes what a request says.
type saying func(*syncpb.SyncRequest)

func step(step int64) saying        { return func(r *syncpb.SyncRequest) { r.Step = step } }
func goodbye(r *syncpb.SyncRequest) { r.Shutdown = true }
func abort(reason string) saying    { return func(r *syncpb.SyncRequest) { r.Abort = reason } }

// mute has the member read on, and answer nothing any more.
func (p *byHand) mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
}

// setClock has the member's clock be wrong.
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

// tell says something to every node that is named.
func (p *byHand) tell(nodes []int, says ...saying) {
	p.t.Helper()
	for _, to := range nodes {
		require.Empty(p.t, p.say(to, says...).GetError(), "said to %s", harness.Name(to))
	}
}

// say says something to a node, and returns the answer.
func (p *byHand) say(to int, says ...saying) *syncpb.SyncResponse {
	p.t.Helper()
	hash := harness.Hash(p.t.Name())
	signature, err := p.node.Key.Sign(hash)
	require.NoError(p.t, err)
	request := &syncpb.SyncRequest{Timestamp: p.now(), HashSignature: signature, Version: "v1.0", SessionId: p.session(), DefinitionHash: hash}
	for _, say := range says {
		say(request)
	}
	response := new(syncpb.SyncResponse)
	if stream := p.streams[to]; stream == nil || exchange(stream, request, response) != nil {
		require.NoError(p.t, exchange(p.open(to), request, response), harness.Name(to))
	}
	return response
}

// open opens a stream to a node that runs, through the connection that the node
// makes: when two hosts dial each other at the same moment, both may fail.
func (p *byHand) open(to int) network.Stream {
	p.t.Helper()
	p.awaitHeard(to)
	ctx := network.WithNoDial(p.c.Context(), "the connection is there")
	stream, err := p.node.Host.NewStream(ctx, p.c.Nodes[to].ID(), syncmod.ProtocolID)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = stream.Reset() })
	p.streams[to] = stream
	return stream
}

func (p *byHand) session() uint64 { return 1000 + uint64(p.node.Index) } //nolint:gosec // an index is not negative

// serve answers the requests of a stream.
func (p *byHand) serve(stream network.Stream) {
	defer func() { _ = stream.Reset() }()
	for {
		request := new(syncpb.SyncRequest)
		if read(stream, request) != nil {
			return
		}
		p.hear(stream.Conn().RemotePeer())
		if p.isMute() {
			continue
		}
		response := &syncpb.SyncResponse{SyncTimestamp: p.now(), SessionId: p.session()}
		if write(stream, response) != nil {
			return
		}
	}
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

func exchange(stream network.Stream, request *syncpb.SyncRequest, response *syncpb.SyncResponse) error {
	if err := write(stream, request); err != nil {
		return err
	}
	_ = stream.SetReadDeadline(time.Now().Add(harness.Patience))
	return read(stream, response)
}

func write(stream network.Stream, m proto.Message) error {
	payload, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(payload)))
	_, err = stream.Write(append(frame, payload...))
	return err
}

func read(stream network.Stream, m proto.Message) error {
	var header [8]byte
	if _, err := io.ReadFull(stream, header[:]); err != nil {
		return err
	}
	payload := make([]byte, binary.LittleEndian.Uint64(header[:]))
	if _, err := io.ReadFull(stream, payload); err != nil {
		return err
	}
	return proto.Unmarshal(payload, m)
}
