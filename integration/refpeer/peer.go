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

// Definition is a ceremony: what every member signs, and who they are, this peer
// included.
type Definition struct {
	Hash  []byte
	Peers []peer.ID
}

// Options is how a peer takes part in it.
type Options struct {
	Variant  Variant
	Version  string // on the wire
	Nickname string
	// FrameDelay is how much later every frame is sent, and how much later every
	// frame that has come is looked at.
	FrameDelay time.Duration
	// Process has the peer act by itself, as a process does.
	Process *Process
	// OnFrame is called for every frame that comes, before anything is done with
	// it, from several goroutines.
	OnFrame func(Frame)
}

// Frame is a frame that came from a peer.
type Frame struct {
	From    peer.ID
	Request bool // or a response
	Size    int  // in bytes, the length included
	Whole   bool // the single Read that took its payload gave all of it
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
	exited chan error // what a process has ended with

	mu       sync.Mutex
	step     int64 // what its clients say
	leaving  bool  // its clients say goodbye
	err      error // why it failed
	closed   bool
	frozen   bool
	serving  bool
	members  map[peer.ID]*member
	streams  []network.Stream     // every one there has been: nothing ends one before Close, unless the rules say so
	inbounds map[network.Conn]int // how many streams each connection carries to the server
}

// member is what a peer knows of another one. The peer's lock guards it.
type member struct {
	seen      bool // a step of it has been seen: this one
	step      int64
	connected bool // the server has accepted a request of it, and the stream has not ended
	answered  bool // it has answered a request, and the client's stream has not ended
	done      bool // it has said goodbye
	left      bool // the client has ended
	reopen    bool // the client is to leave its stream as it is, and open another
	streams   int  // how many streams the client has opened
	attempts  int  // how many it could not open
}

// New makes a peer of a host, which it uses and does not close. Nothing happens
// before [Peer.Start].
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

// Start is Serve, then Dial. A process also begins to run.
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

// Freeze stops the peer from reading, saying and answering anything: its
// connections stay, as those of a stopped process do.
func (p *Peer) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = true
}

// Reopen has the client of a member leave its stream as it is, open, and open
// another one: as after a reset that only it has seen.
func (p *Peer) Reopen(id peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members[id].reopen = true
}

// Streams is how many streams the client of a member has opened.
func (p *Peer) Streams(id peer.ID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].streams
}

// FailedAttempts is how many streams to a member the client could not open.
func (p *Peer) FailedAttempts(id peer.ID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].attempts
}

// Announced is the last step that the peer has announced.
func (p *Peer) Announced() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step
}

// Step is the last step seen from a member, and -1 when none was.
func (p *Peer) Step(id peer.ID) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.members[id]; m.seen {
		return m.step
	}
	return -1
}

// SaidGoodbye tells whether a member has.
func (p *Peer) SaidGoodbye(id peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].done
}

// Err is why the peer failed, if it has. A failed peer goes on serving: the
// programs that it stands for would end a moment later, which is Close.
func (p *Peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Close ends the peer as the end of its process would, but for its host: nobody
// is told. It waits for everything that the peer has started.
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

// keep registers a stream, for Close to end. It returns false once that has begun.
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

// fail notes why the peer has failed. The first reason counts, and none after the
// last barrier.
func (p *Peer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !p.leaving && !p.closed {
		p.err = err
	}
}

// travel is the way of a frame: the delay, and no end of it while the peer is
// frozen. It returns false once the peer is closed.
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
