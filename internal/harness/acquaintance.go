package harness

import (
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// acquaintance is which process a peer is, and which processes it has heard of.
type acquaintance struct {
	mu      sync.Mutex
	session uint64
	serves  bool // it answers, in whatever way
	heard   map[peer.ID]heard
	changed chan struct{} // closes with the next thing heard; nil: nobody waits
}

// heard is what a peer knows of the process at another.
type heard struct {
	session   uint64 // its own
	addressed uint64 // the one that has answered its client
}

// Become makes a process with this session of the peer: its requests and its answers
// carry it from now on. Another session is another process, as after a restart, and 0
// is a foreign one. A member with a session has to answer for its requests to count:
// one that does nothing else yet answers as [RawPeer.Answer] does.
func (p *RawPeer) Become(session uint64) {
	p.mu.Lock()
	p.session = session
	serves := p.serves
	p.mu.Unlock()
	if session != 0 && !serves {
		p.Serve(func(_ RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse { return p.Response(r) })
	}
}

// Session is the session of the process that the peer is; 0: none.
func (p *RawPeer) Session() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session
}

// Meet waits until the process at another peer has had an answer from this one, and
// returns its session.
func (p *RawPeer) Meet(t testing.TB, other peer.ID) (session uint64) {
	t.Helper()
	deadline := time.After(Patience)
	for {
		known, met, changed := p.knows(other)
		if met {
			return known
		}
		select {
		case <-changed:
		case <-deadline:
			require.Fail(t, "the other side's requests do not address this process")
		}
	}
}

// Met tells whether the process at another peer has had an answer from this one.
func (p *RawPeer) Met(other peer.ID) bool {
	_, met, _ := p.knows(other)
	return met
}

// knows returns the session of the process at another peer, and whether that has had
// an answer from this process.
func (p *RawPeer) knows(other peer.ID) (session uint64, met bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	h := p.heard[other]
	return h.session, h.session != 0 && h.addressed == p.session, p.changed
}

// addresseeAt is whom a request to another peer addresses; 0: nobody yet.
func (p *RawPeer) addresseeAt(other peer.ID) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard[other].session
}

func (p *RawPeer) heardRequest(from peer.ID, r *syncpb.SyncRequest) {
	p.learn(from, func(h *heard) { h.session, h.addressed = r.GetSessionId(), r.GetAddressee() })
}

func (p *RawPeer) heardResponse(from peer.ID, r *syncpb.SyncResponse) {
	if session := r.GetSessionId(); session != 0 && session != p.addresseeAt(from) {
		p.learn(from, func(h *heard) { *h = heard{session: session} }) // it has had no answer from us yet
	}
}

func (p *RawPeer) learn(from peer.ID, change func(*heard)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard == nil {
		p.heard = make(map[peer.ID]heard)
	}
	h := p.heard[from]
	change(&h)
	p.heard[from] = h
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
