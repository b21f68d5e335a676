package harness

import (
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// acquaintance holds the session of a peer, and the sessions that it has heard of.
type acquaintance struct {
	mu      sync.Mutex
	session uint64
	serves  bool // it has a stream handler
	heard   map[peer.ID]heard
	changed chan struct{} // closed when the peer hears something; nil: nobody waits
}

// heard is what a peer knows about the process at another peer.
type heard struct {
	session   uint64 // the process's own session
	addressed uint64 // the session to which its requests are addressed: the one that last answered it
}

// Become gives the peer a session. From now on, its requests and answers contain the
// session. A different session stands for another process, as after a restart, and 0
// stands for a reference implementation. If a member has a session, its requests are
// accepted only if it answers requests too. So if the peer does not serve streams yet,
// it starts to answer as [RawPeer.Answer] does.
func (p *RawPeer) Become(session uint64) {
	p.mu.Lock()
	p.session = session
	serves := p.serves
	p.mu.Unlock()
	if session != 0 && !serves {
		p.Serve(func(_ RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse { return p.Response(r) })
	}
}

// Session returns the peer's session, or 0 if it has none.
func (p *RawPeer) Session() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session
}

// Meet waits until the process at another peer has received an answer from this peer's
// process, and returns the other's session.
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

// Met reports whether the process at another peer has received an answer from this
// peer's process.
func (p *RawPeer) Met(other peer.ID) bool {
	_, met, _ := p.knows(other)
	return met
}

// knows returns the session of the process at another peer, and whether that process has
// received an answer from this peer's process.
func (p *RawPeer) knows(other peer.ID) (session uint64, met bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	h := p.heard[other]
	return h.session, h.session != 0 && h.addressed == p.session, p.changed
}

// addresseeAt returns the addressee for requests to another peer, or 0 if it is not
// known yet.
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
		p.learn(from, func(h *heard) { *h = heard{session: session} }) // a new process, still without an answer
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
