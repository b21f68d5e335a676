package stream

import (
	"bytes"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

const (
	bufferSize  = 384                  // bytes to read ahead: enough for a request that attests nothing
	peekTimeout = 5 * time.Millisecond // how long to look for the end of a held stream

	maxAsked = 1024 // entries of askedFor; when there are more, all begin to wait anew
	maxHash  = 64   // maximum size of a definition hash in bytes
)

// first reads the first request of a stream.
func (in *inbound) first(request *syncpb.SyncRequest) error {
	limit := in.server.cfg.MaxFrame
	if _, open, _ := in.server.ceremonies.Of(in.remote); !open {
		limit = firstFrame // no ceremony is open, so no member is known
	}
	in.read.renew(time.Now())
	err := wire.NewReader(in.buffer, limit).Request(request)
	sent, ok := wire.TimeOf(request.GetTimestamp())
	in.ahead = aheadOf(time.Now(), sent, ok)
	return err
}

// route finds the ceremony that the first request of a stream is for (docs/protocol.md,
// "Which ceremony a stream belongs to"). It waits until that ceremony is open.
// Meanwhile it tells a member that runs this package to wait; a foreign member gets no
// answer. It returns nil if the stream must end.
func (in *inbound) route(request *syncpb.SyncRequest) (Ceremony, End) {
	var grace <-chan time.Time // runs while the request of a foreign member fits no open ceremony
	for {
		candidates, open, changed := in.server.ceremonies.Of(in.remote)
		if open && len(candidates) == 0 {
			in.server.ceremonies.Stranger(in.remote)
			return nil, End{code: network.StreamGated}
		}
		if c := in.choose(candidates, request); c != nil {
			return c, End{}
		}
		hash := request.GetDefinitionHash()
		in.server.hold(in, hash)
		switch {
		case isLast(request) && (request.GetSessionId() != 0 || awaiting(candidates, in.remote) == nil):
			return nil, in.last(time.Now(), nil, request, reply{}, End{}) // the request is of an attempt that is over
		case request.GetSessionId() != 0:
			if len(hash) == 0 || !in.verify(hash, request.GetHashSignature()) {
				return nil, End{code: network.StreamProtocolViolation}
			}
			if err := in.answerNotOpen(candidates, changed, request); err != nil {
				return nil, classify(in.ctx, err)
			}
			continue
		}
		if grace == nil && len(candidates) > 0 {
			grace = time.After(in.server.grace(in.remote, hash, changed, time.Now()))
		}
		select {
		case <-changed:
			grace = nil
		case <-in.ctx.Done():
			return nil, End{}
		case <-grace:
			grace = time.After(max(in.server.cfg.OpenGrace, time.Second)) // to look again
			if c := awaiting(candidates, in.remote); c != nil {
				return c, End{} // its signature is wrong there; the rules decide what to do
			}
		}
		if in.gone() {
			return nil, End{}
		}
	}
}

// isLast reports whether a request ends a member's part in an attempt.
func isLast(request *syncpb.SyncRequest) bool {
	return request.GetShutdown() || request.GetAbort() != ""
}

// A foreign member may have a signature that fits no open ceremony. awaiting returns
// the first ceremony that such a member can mean, or nil.
func awaiting(candidates []Ceremony, id peer.ID) Ceremony {
	for _, c := range candidates {
		if c.Awaits(c.Terms().Index(id)) {
			return c
		}
	}
	return nil
}

// choose returns the ceremony that a request is for, or nil if it is not open.
func (in *inbound) choose(candidates []Ceremony, request *syncpb.SyncRequest) Ceremony {
	hash := request.GetDefinitionHash()
	for _, c := range candidates {
		switch {
		case len(hash) > 0 && bytes.Equal(c.Terms().Hash, hash):
			return c
		case len(hash) == 0 && in.verify(c.Terms().Hash, request.GetHashSignature()):
			return c
		}
	}
	return nil
}

// answerNotOpen answers a request for a definition that is not open here, and reads the
// next request. If the mismatch lasts, both sides learn of it.
func (in *inbound) answerNotOpen(candidates []Ceremony, changed <-chan struct{}, request *syncpb.SyncRequest) error {
	now, hash, members := time.Now(), request.GetDefinitionHash(), request.GetMembers()
	if !in.mismatched && len(candidates) > 0 && in.server.grace(in.remote, hash, changed, now) <= 0 {
		in.mismatched = true
		in.server.ceremonies.Mismatch(candidates, in.remote, hash)
	}
	text := in.server.ceremonies.NotOpen(candidates)
	if err := in.answer(now, nil, request, reply{waiting: text}); err != nil {
		return err
	}
	if err := in.first(request); err != nil {
		return err
	}
	request.DefinitionHash, request.Members = hash, members // only the first request of a stream names them
	return nil
}

// gone reports whether the other side has ended a held stream. It consumes nothing of
// the stream.
func (in *inbound) gone() bool {
	in.read.at = time.Time{} // so that the next read renews it
	_ = in.stream.SetReadDeadline(time.Now().Add(peekTimeout))
	_, err := in.buffer.Peek(1)
	_ = in.stream.SetReadDeadline(time.Time{})
	return err != nil && !isTimeout(err) || in.stream.Conn().IsClosed()
}

// askedFor holds the times at which peers first asked for definitions that are not
// open here. It is kept while the same ceremonies are open.
type askedFor struct {
	while <-chan struct{} // closed when the set of open ceremonies changes
	since map[asked]time.Time
}

type asked struct {
	peer peer.ID
	hash string
}

// grace returns how much longer a peer must wait for a definition that is not open
// here. The wait may have begun on an earlier stream that the peer gave up.
func (s *Server) grace(id peer.ID, hash []byte, changed <-chan struct{}, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.while != changed {
		s.asked = askedFor{while: changed, since: make(map[asked]time.Time)}
	}
	key := asked{id, string(hash[:min(len(hash), maxHash)])}
	since, ok := s.asked.since[key]
	if !ok || now.Sub(since) > 2*s.cfg.OpenGrace+s.cfg.ExchangeTimeout { // it first asked long ago: begin to wait anew
		if len(s.asked.since) >= maxAsked {
			clear(s.asked.since)
		}
		since = now
		s.asked.since[key] = since
	}
	return s.cfg.OpenGrace - now.Sub(since)
}
