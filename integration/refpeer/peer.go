package refpeer

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// ProtocolID is the protocol that the peer speaks.
const ProtocolID protocol.ID = "/charon/dkg/sync/1.0.0/"

// Definition defines a ceremony: the hash that every member signs, and the members,
// this peer included.
type Definition struct {
	Hash  []byte
	Peers []peer.ID
}

// Options says how a peer takes part.
type Options struct {
	Variant  Variant
	Version  string // sent to the others
	Nickname string
	// FrameDelay delays every frame, both before it is sent and after it has arrived.
	FrameDelay time.Duration
	// Process makes the peer act by itself, as a process does.
	Process *Process
	// OnFrame is called for every received frame before it is processed, from several
	// goroutines.
	OnFrame func(Frame)
}

// Frame is a frame received from a peer.
type Frame struct {
	From    peer.ID
	Request bool // otherwise it is a response
	Size    int  // in bytes, including the length field
	Whole   bool // the single Read returned the whole payload
}

// Peer is a member of a ceremony. Its methods are safe for concurrent use.
type Peer struct {
	host      host.Host
	def       Definition
	opts      Options
	signature []byte

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	exited chan error // the result of a process

	mu       sync.Mutex
	step     int64 // the step that the clients announce
	leaving  bool  // the clients say goodbye
	err      error // why the peer failed
	closed   bool
	frozen   bool
	serving  bool
	members  map[peer.ID]*member
	streams  []network.Stream     // all that were ever opened; Close ends a stream if no rule does
	inbounds map[network.Conn]int // streams to the server, per connection
}

// member is what a peer knows of another member. The peer's lock guards it.
type member struct {
	seen      bool // a step of the member has been seen
	step      int64
	connected bool // the server has accepted a request of the member, and the stream has not ended
	answered  bool // the member has answered a request, and the client's stream has not ended
	done      bool // the member has said goodbye
	left      bool // the client has ended
	reopen    bool // the client must leave its stream as it is and open another
	streams   int  // streams that the client has opened
	attempts  int  // streams that it could not open
}

// New makes a peer on a host. The peer uses the host and does not close it. Nothing
// happens before [Peer.Start].
func New(h host.Host, def Definition, opts Options) (*Peer, error) {
	signature, err := h.Peerstore().PrivKey(h.ID()).Sign(def.Hash)
	if err != nil {
		return nil, err
	}
	p := &Peer{
		host: h, def: def, opts: opts, signature: signature,
		members: make(map[peer.ID]*member), inbounds: make(map[network.Conn]int), exited: make(chan error, 1),
	}
	for _, id := range def.Peers {
		if id != h.ID() {
			p.members[id] = new(member)
		}
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// Start calls Serve and Dial. A process also begins to run.
func (p *Peer) Start() {
	p.Serve()
	p.Dial()
	if p.opts.Process != nil {
		go p.live()
	}
}

// Serve registers the handler of the protocol at the host.
func (p *Peer) Serve() {
	p.mu.Lock()
	p.serving = true
	p.mu.Unlock()
	p.host.SetStreamHandler(ProtocolID, p.serve)
}

// Dial starts the clients, one for each other member.
func (p *Peer) Dial() {
	for id, m := range p.members {
		p.wg.Go(func() { p.talk(id, m) })
	}
}

// Freeze stops the peer from reading, writing and answering. Its connections stay, like
// those of a stopped process.
func (p *Peer) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = true
}

// Reopen makes the client for a member open another stream and leave the old one open,
// as after a reset that only the client has seen.
func (p *Peer) Reopen(id peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members[id].reopen = true
}

// Streams returns how many streams the client for a member has opened.
func (p *Peer) Streams(id peer.ID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].streams
}

// FailedAttempts returns how many streams to a member the client could not open.
func (p *Peer) FailedAttempts(id peer.ID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].attempts
}

// Announced returns the last step that the peer has announced.
func (p *Peer) Announced() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step
}

// Step returns the last step seen from a member, or -1 if none was seen.
func (p *Peer) Step(id peer.ID) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.members[id]; m.seen {
		return m.step
	}
	return -1
}

// SaidGoodbye reports whether a member has said goodbye.
func (p *Peer) SaidGoodbye(id peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].done
}

// Err returns why the peer failed, or nil. A failed peer goes on serving. The program
// that the peer stands for would end a moment later; a test calls Close for that.
func (p *Peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Close ends the peer as the end of its process would, except that the host stays open.
// The others are not told. Close waits for everything that the peer has started.
func (p *Peer) Close() {
	p.mu.Lock()
	p.closed = true
	if p.serving {
		p.host.RemoveStreamHandler(ProtocolID)
	}
	streams := p.streams
	p.mu.Unlock()
	p.cancel()
	for _, stream := range streams {
		_ = stream.Reset()
	}
	p.wg.Wait()
}

// keep registers a stream, so that Close ends it. It returns false once Close has begun.
func (p *Peer) keep(stream network.Stream) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = stream.Reset()
		return false
	}
	p.streams = append(p.streams, stream)
	return true
}

// fail notes why the peer failed. Only the first reason counts, and none after the last
// barrier.
func (p *Peer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !p.leaving && !p.closed {
		p.err = err
	}
}

// travel waits for as long as a frame is delayed, and forever once the peer is frozen. It
// returns false once the peer is closed.
func (p *Peer) travel() bool {
	select {
	case <-p.ctx.Done():
	case <-time.After(p.opts.FrameDelay):
	}
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen {
		<-p.ctx.Done()
	}
	return p.ctx.Err() == nil
}
