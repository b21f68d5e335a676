package refpeer

import (
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

const (
	tick  = 100 * time.Millisecond // between two requests
	retry = 100 * time.Millisecond // after a stream could not be opened, or was lost
)

// errReopen makes the client open another stream and leave the old one as it is.
var errReopen = errors.New("to be opened again")

// talk is the client for one member. It sends the requests that are due on a stream, and
// opens another stream when that one is lost.
func (p *Peer) talk(id peer.ID, m *member) {
	defer p.set(func() { m.left = true })
	for {
		stream, err := p.open(id, m)
		if err != nil {
			if errors.Is(err, ErrNegotiation) {
				p.fail(fmt.Errorf("%s: %w", id, err))
			}
			return
		}
		p.set(func() { m.streams++ })
		err = p.converse(stream, id, m)
		p.set(func() { m.answered = false })
		switch {
		case err == nil: // the goodbye has been answered
			_ = stream.Close()
			return
		case errors.Is(err, ErrRejected):
			p.fail(fmt.Errorf("%s: %w", id, err))
			_ = stream.Close()
			return
		case errors.Is(err, network.ErrReset),
			errors.Is(err, network.ErrResourceScopeClosed), errors.Is(err, errReopen):
			continue // at once, leaving the old stream as it is
		case !p.rest():
			return
		}
	}
}

// open opens a stream to a member, however long that takes. After the peer's goodbye it
// tries only once.
func (p *Peer) open(id peer.ID, m *member) (network.Stream, error) {
	ctx := network.WithAllowLimitedConn(p.ctx, "dkg sync")
	if p.opts.Process != nil && id < p.host.ID() {
		ctx = network.WithNoDial(ctx, "the other side must dial")
	}
	for {
		stream, err := p.host.NewStream(ctx, id, ProtocolID)
		switch {
		case err == nil && p.keep(stream):
			return stream, nil
		case p.ctx.Err() != nil, err == nil:
			return nil, ErrClosed
		}
		p.set(func() { m.attempts++ })
		switch {
		case p.opts.Variant.negotiatesOnce() && unsupported(err):
			return nil, fmt.Errorf("%w: %w", ErrNegotiation, err)
		case p.isLeaving():
			return nil, err
		case !p.rest():
			return nil, ErrClosed
		}
	}
}

func unsupported(err error) bool {
	_, ok := errors.AsType[multistream.ErrNotSupported[protocol.ID]](err)
	return ok
}

func (p *Peer) rest() bool {
	select {
	case <-p.ctx.Done():
		return false
	case <-time.After(retry):
		return true
	}
}

func (p *Peer) isLeaving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving
}

// At every tick, converse tells the member the peer's current step, and waits for the
// response. It returns nil once the peer's goodbye has been answered.
func (p *Peer) converse(stream network.Stream, id peer.ID, m *member) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return ErrClosed
		case <-ticker.C:
		}
		now := time.Now()
		q, reopen := p.sayNow(now, m)
		if reopen {
			return errReopen
		}
		if err := p.write(stream, q.encode()); err != nil {
			return err
		}
		payload, err := p.read(stream, aResponse)
		if err != nil {
			return err
		}
		reply, err := decodeResponse(payload)
		switch {
		case err != nil:
			return err
		case q.shutdown:
			return nil
		case reply.err != "":
			return fmt.Errorf("%w: %s", ErrRejected, reply.err)
		}
		p.host.Peerstore().RecordLatency(id, time.Since(now))
		p.set(func() { m.answered = true })
	}
}

// sayNow returns the request that is due.
func (p *Peer) sayNow(now time.Time, m *member) (q request, reopen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reopen, m.reopen = m.reopen, false
	q = request{
		at: timestamp{
			present: true,
			seconds: now.Unix(),
			nanos:   int32(now.Nanosecond()), //nolint:gosec // below 1e9
		},
		signature: p.signature, shutdown: p.leaving, version: p.opts.Version, step: p.step,
	}
	if p.opts.Variant.tellsNickname() {
		q.nickname = p.opts.Nickname
	}
	return q, reopen
}
