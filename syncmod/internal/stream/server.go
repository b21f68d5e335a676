package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

const (
	maxHeld    = 1024 // streams that wait for a ceremony
	maxUnread  = 8    // streams of a peer that have sent nothing yet, while nothing is open
	firstFrame = 1200 // bytes of a first request, while nothing is open
)

// The errors of Server.Start.
var (
	ErrStopping = errors.New("it is still stopping")
	ErrHandled  = errors.New("this host already handles the protocol: use one service for each host")
)

// Ceremonies is where the server half finds the ceremony that a stream is for. Its
// methods do not block and are safe for concurrent use.
type Ceremonies interface {
	// Of returns the open ceremonies that a peer is a member of, whether any is
	// open at all, and a channel that closes when that may have changed.
	Of(peer.ID) (in []Ceremony, open bool, changed <-chan struct{})
	// NotOpen returns what to answer a member that asks for a definition that is not
	// open here.
	NotOpen(in []Ceremony) (text string)
	// Mismatch notes that a member goes on asking for a definition that is not open
	// here.
	Mismatch(in []Ceremony, id peer.ID, hash []byte)
	// Stranger notes a stream of a peer that is a member of nothing.
	Stranger(peer.ID)
	// Broken notes that a handler has panicked.
	Broken(error)
}

// Server is the server half: it serves the streams that members open, and resets
// everybody else's.
type Server struct {
	cfg        *Config
	ceremonies Ceremonies

	mu      sync.Mutex
	state   serverState
	streams map[roster.StreamID]*inbound // those that are served
	unread  map[sender][]*inbound        // those of a peer that have sent nothing yet, oldest first
	held    []*inbound                   // those that have, and on which nothing was accepted yet, oldest first
	late    []network.Stream             // those that came while the service stops, one a peer
	asked   askedFor
	idle    chan struct{} // closed when the last handler has returned, while stopping
}

type serverState int

const (
	serverOff serverState = iota
	serverOn
	serverStopping
)

// NewServer returns a server half that is off.
func NewServer(cfg *Config, ceremonies Ceremonies) *Server {
	return &Server{
		cfg: cfg, ceremonies: ceremonies,
		streams: make(map[roster.StreamID]*inbound), unread: make(map[sender][]*inbound),
	}
}

// Start registers the protocol's handler at the host. It fails with [ErrHandled]
// when something else handles the protocol there.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case serverOn:
		return nil
	case serverStopping:
		return ErrStopping
	}
	if served := s.cfg.Host.Mux().Protocols(); slices.Contains(served, s.cfg.Protocol) {
		return ErrHandled
	}
	s.state = serverOn
	s.cfg.Host.SetStreamHandler(s.cfg.Observe, s.serve)
	s.cfg.Host.SetStreamHandler(s.cfg.Protocol, s.serve)
	return nil
}

// Stop removes the handler, resets the streams that are left and waits for
// their handlers, until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	if s.state == serverOff {
		s.mu.Unlock()
		return nil
	}
	if s.state == serverOn {
		s.cfg.Host.RemoveStreamHandler(s.cfg.Protocol)
		s.cfg.Host.RemoveStreamHandler(s.cfg.Observe)
	}
	s.state = serverStopping
	for _, in := range s.streams {
		in.reset(network.StreamShutdown)
	}
	if len(s.streams) == 0 {
		s.off()
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	if err := await(ctx, idle); err != nil {
		return fmt.Errorf("handlers are still running: %w", err)
	}
	return nil
}

// off ends the stopping, once no handler is left, and resets the streams that are
// held. The server's lock is held.
func (s *Server) off() {
	s.state = serverOff
	for _, stream := range s.late {
		reset(stream, network.StreamShutdown)
	}
	s.late = nil
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// serve serves a stream until it ends.
func (s *Server) serve(stream network.Stream) {
	in, stranger := s.admit(stream)
	if stranger {
		s.ceremonies.Stranger(stream.Conn().RemotePeer())
	}
	if in == nil {
		return
	}
	defer s.release(in)
	if err := s.cfg.reserve(stream); err != nil { // without the lock: the resource manager is the program's
		in.reset(network.StreamResourceLimitExceeded)
		s.refused(in.remote, err)
		return
	}
	defer stream.Scope().ReleaseMemory(s.cfg.MaxFrame)
	s.waits(in)
	in.serve()
}

// refused brings it to the ceremonies of a peer that the host has no room for its
// stream.
func (s *Server) refused(remote peer.ID, err error) {
	if !errors.Is(err, network.ErrResourceLimitExceeded) {
		return // the stream has ended meanwhile
	}
	in, _, _ := s.ceremonies.Of(remote)
	for _, c := range in {
		c.Refused(c.Terms().Index(remote), err)
	}
}

// admit decides who is served at all: strangers get a reset before a byte is
// read from them.
func (s *Server) admit(stream network.Stream) (admitted *inbound, stranger bool) {
	remote := stream.Conn().RemotePeer()
	s.mu.Lock()
	defer s.mu.Unlock()
	in, open, _ := s.ceremonies.Of(remote)
	switch {
	case s.state == serverOff:
		reset(stream, network.StreamShutdown)
		return nil, false
	case s.state == serverStopping:
		s.keepLate(stream)
		return nil, false
	case open && len(in) == 0:
		reset(stream, network.StreamGated)
		return nil, true
	}
	i := newInbound(s, stream)
	s.streams[i.id] = i
	return i, false
}

// waits notes that a stream waits for its first request. For each ceremony one
// stream of a peer may: the newest.
func (s *Server) waits(in *inbound) {
	ceremonies, open, _ := s.ceremonies.Of(in.remote)
	limit := max(len(ceremonies), 1)
	if !open {
		limit = maxUnread
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unread := s.unread[in.sender]
	unread = append(unread, in)
	if len(unread) > limit {
		unread[0].reset(network.StreamRateLimited)
		unread = unread[1:]
	}
	s.unread[in.sender] = unread
}

// keepLate keeps a stream that comes while the service stops, one a peer. It is not
// reset, for Charon would reopen it at once. The lock is held.
func (s *Server) keepLate(stream network.Stream) {
	remote := stream.Conn().RemotePeer()
	s.late = slices.DeleteFunc(s.late, func(other network.Stream) bool {
		if other.Conn().RemotePeer() != remote {
			return false
		}
		reset(other, network.StreamRateLimited)
		return true
	})
	if len(s.late) >= maxHeld {
		reset(s.late[0], network.StreamRateLimited)
		s.late = s.late[1:]
	}
	s.late = append(s.late, stream)
}

// hold notes that a stream has sent a request that counts for nothing yet. One
// stream a peer and definition may wait so: the newest.
func (s *Server) hold(in *inbound, hash []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(in)
	in.asks = string(hash[:min(len(hash), maxHash)])
	s.held = slices.DeleteFunc(s.held, func(other *inbound) bool {
		if other.sender != in.sender || other.asks != in.asks {
			return false
		}
		other.reset(network.StreamRateLimited)
		return true
	})
	if len(s.held) >= maxHeld {
		s.held[0].reset(network.StreamRateLimited)
		s.held = s.held[1:]
	}
	s.held = append(s.held, in)
}

// accepted notes that a request of a stream was accepted, or that it has ended:
// another stream of the peer may wait now.
func (s *Server) accepted(in *inbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(in)
}

// forget takes a stream from those that wait. The lock is held.
func (s *Server) forget(in *inbound) {
	is := func(other *inbound) bool { return other == in }
	s.held = slices.DeleteFunc(s.held, is)
	unread := slices.DeleteFunc(s.unread[in.sender], is)
	s.unread[in.sender] = unread
	if len(unread) == 0 {
		delete(s.unread, in.sender)
	}
}

// release ends a stream's handler.
func (s *Server) release(in *inbound) {
	s.accepted(in)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, in.id)
	if len(s.streams) == 0 && s.state == serverStopping {
		s.off()
	}
}

// find returns a stream that is served, nil when its handler has returned.
func (s *Server) find(id roster.StreamID) *inbound {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

// serves notes which ceremony a stream is served for, nil for none.
func (s *Server) serves(in *inbound, c Ceremony) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.ceremony = c
}

// of returns the streams that are served for a ceremony.
func (s *Server) of(c Ceremony) []*inbound {
	s.mu.Lock()
	defer s.mu.Unlock()
	var of []*inbound
	for _, in := range s.streams {
		if in.ceremony == c {
			of = append(of, in)
		}
	}
	return of
}

// Reset resets the streams of a ceremony. It does not wait for their handlers.
func (s *Server) Reset(c Ceremony) {
	for _, in := range s.of(c) {
		in.reset(network.StreamShutdown)
	}
}

// Wait waits until the streams that a ceremony has now have ended, or ctx has.
func (s *Server) Wait(ctx context.Context, c Ceremony) error { return wait(ctx, c, s.of(c)) }

// Close resets the streams of a closed ceremony and waits for their handlers,
// until ctx ends. A stream that has sent its last frame gets a grace for it to
// arrive.
func (s *Server) Close(ctx context.Context, c Ceremony, grace time.Duration) error {
	var sendLast []*inbound
	for _, in := range s.of(c) {
		if in.sendsLast.Load() {
			sendLast = append(sendLast, in)
		} else {
			in.reset(network.StreamShutdown)
		}
	}
	arriving, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	_ = wait(arriving, c, sendLast) // what has not arrived by then is reset
	s.Reset(c)
	return s.Wait(ctx, c)
}

func wait(ctx context.Context, c Ceremony, streams []*inbound) error {
	for _, in := range streams {
		if err := await(ctx, in.done); err != nil {
			return &StuckError{Member: c.Terms().Index(in.remote), Inbound: true, Err: err}
		}
	}
	return nil
}
