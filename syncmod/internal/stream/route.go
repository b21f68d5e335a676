package stream

import (
	"bytes"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

const (
	peekLimit   = 1 << 10              // bytes that may be behind a held request: a step and an abort fit
	peekTimeout = 5 * time.Millisecond // how long to look for what is behind a held request

	maxAsked = 1024 // who asks for more makes others wait longer
	maxHash  = 64   // bytes of a definition hash
)

// route finds the ceremony that a stream's first request is for (docs/protocol.md,
// "Which ceremony a stream belongs to"). It waits until that is open. When it has
// waited in vain it answers with an error and returns nil.
func (in *inbound) route(request *syncpb.SyncRequest, since arrival) Ceremony {
	var grace <-chan time.Time // runs while the peer is a member of something else that is open
	for ; ; since = waited {
		candidates, _, changed := in.server.ceremonies.Of(in.remote)
		if since == waited && in.outdated(request) {
			return nil
		}
		if c := in.choose(candidates, request); c != nil {
			return c
		}
		switch {
		case len(candidates) == 0:
			grace = nil
		case grace == nil:
			grace = time.After(in.server.grace(in.remote, request.GetDefinitionHash(), changed, time.Now()))
		}
		select {
		case <-changed:
		case <-in.ctx.Done():
			return nil
		case <-grace:
			text := in.server.ceremonies.Refuse(candidates, in.remote, request.GetDefinitionHash())
			in.last(time.Now(), nil, request, text, End{})
			return nil
		}
	}
}

// choose picks the ceremony that a request is for, nil when it is not open.
func (in *inbound) choose(candidates []Ceremony, request *syncpb.SyncRequest) Ceremony {
	if hash := request.GetDefinitionHash(); len(hash) > 0 {
		for _, c := range candidates {
			if bytes.Equal(c.Terms().Hash, hash) {
				return c
			}
		}
		return nil
	}
	for _, c := range candidates {
		if in.verify(c, request.GetHashSignature()) {
			return c
		}
	}
	if len(candidates) == 1 {
		return candidates[0] // its signature is wrong there, which is for the rules to say
	}
	return nil
}

// outdated reports whether a request that had to wait is not true any more: the
// other side has ended the stream meanwhile, or has given up the attempt that
// the request belongs to, which is not held against the next one. Nothing is
// taken out of the stream.
func (in *inbound) outdated(request *syncpb.SyncRequest) bool {
	if request.GetAbort() != "" {
		return true
	}
	in.read.at = time.Time{} // renewed with the next read
	_ = in.stream.SetReadDeadline(time.Now().Add(peekTimeout))
	behind, err := in.buffer.Peek(peekLimit)
	_ = in.stream.SetReadDeadline(time.Time{})
	if err == nil || !isTimeout(err) || in.stream.Conn().IsClosed() {
		return true // also with more behind it than any member says while it waits
	}
	reader := wire.NewReader(bytes.NewReader(behind), in.server.cfg.MaxFrame)
	for {
		var next syncpb.SyncRequest
		switch err := reader.Request(&next); {
		case err != nil:
			return false
		case next.GetAbort() != "":
			return true
		}
	}
}

// askedFor remembers when peers first asked for definitions that are not open
// here, for as long as the same ceremonies are open.
type askedFor struct {
	while <-chan struct{} // closes when other ceremonies are open
	since map[asked]time.Time
}

type asked struct {
	peer peer.ID
	hash string
}

// grace returns how long a peer has still to wait for a definition that is not
// open here: it may have asked before, on a stream that it has given up.
func (s *Server) grace(id peer.ID, hash []byte, changed <-chan struct{}, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.while != changed {
		s.asked = askedFor{while: changed, since: make(map[asked]time.Time)}
	}
	key := asked{id, string(hash[:min(len(hash), maxHash)])}
	since, ok := s.asked.since[key]
	if !ok || now.Sub(since) > 2*s.cfg.OpenGrace+s.cfg.ExchangeTimeout { // a new attempt
		if len(s.asked.since) >= maxAsked {
			clear(s.asked.since)
		}
		since = now
		s.asked.since[key] = since
	}
	return s.cfg.OpenGrace - now.Sub(since)
}
