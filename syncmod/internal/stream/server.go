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
	maxUnread  = 8    // streams of one peer that have sent nothing yet, while no ceremony is open
	firstFrame = 1200 // maximum size of a first request in bytes, while no ceremony is open
)

// The errors of [Server.Start].
var (
	ErrStopping = errors.New("it is still stopping") // handlers still run after a Stop
	ErrHandled  = errors.New("this host already handles the protocol: use one service for each host")
)

// Ceremonies is where the server half finds the ceremony of a stream. Its methods do
// not block and are safe for concurrent use.
type Ceremonies interface {
	// Of returns the open ceremonies that a peer is a member of, whether any ceremony
	// is open at all, and a channel that closes when either may have changed.
	Of(peer.ID) (in []Ceremony, open bool, changed <-chan struct{})
	// NotOpen returns the text that answers a member that asks for a definition that is
	// not open here.
	NotOpen(in []Ceremony) (text string)
	// Mismatch notes that a member keeps asking for a definition that is not open here.
	Mismatch(in []Ceremony, id peer.ID, hash []byte)
	// Stranger notes a stream from a peer that is not a member of any open ceremony.
	Stranger(peer.ID)
	// Broken notes that a handler panicked.
	Broken(error)
}

// Server is the server half. It serves the streams that members open, and resets those
// of everyone else.
type Server struct {
	cfg        *Config
	ceremonies Ceremonies

	mu      sync.Mutex
	state   serverState
	streams map[roster.StreamID]*inbound // the streams that are served
	unread  map[sender][]*inbound        // those of a sender that have sent no accepted request yet, oldest first
	held    []*inbound                   // those that have sent a request and wait for a ceremony, oldest first
	late    []network.Stream             // those that came while the service was stopping, one for each peer
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

// Start registers the handlers of the protocol with the host. It returns [ErrHandled]
// if the host has a handler for the protocol already, and [ErrStopping] if handlers
// still run after Stop.
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

// Stop removes the handlers from the host, resets the remaining streams and waits for
// their handlers to return, until ctx ends.
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

// off completes the stop once no handler is left, and resets the streams that came
// meanwhile. The caller holds the lock.
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
	if err := s.cfg.reserve(stream); err != nil { // without the lock: the resource manager is the program's code
		in.reset(network.StreamResourceLimitExceeded)
		s.refused(in.remote, err)
		return
	}
	defer stream.Scope().ReleaseMemory(s.cfg.MaxFrame)
	s.waits(in)
	in.serve()
}

// refused notes, for each ceremony of a peer, that the host had no resources left for
// its stream.
func (s *Server) refused(remote peer.ID, err error) {
	if !errors.Is(err, network.ErrResourceLimitExceeded) {
		return // the stream has ended meanwhile
	}
	in, _, _ := s.ceremonies.Of(remote)
	for _, c := range in {
		c.Refused(c.Terms().Index(remote), err)
	}
}

// admit decides whether a stream is served at all. A stranger gets a reset before a
// byte is read from it.
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

// waits notes that a stream waits for its first accepted request. For each ceremony,
// one stream of a peer may wait; the newest ones stay.
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

// keepLate keeps a stream that comes while the service is stopping, one for each peer.
// It does not reset the stream, because Charon would open another at once. The caller
// holds the lock.
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

// hold notes that a stream has sent a request that does not count yet. For each
// definition, one stream of a peer may wait in this way; the newest one stays.
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

// accepted notes that a request on a stream was accepted, or that the stream has ended.
// Another stream of the peer may wait now.
func (s *Server) accepted(in *inbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(in)
}

// forget removes a stream from those that wait. The caller holds the lock.
func (s *Server) forget(in *inbound) {
	is := func(other *inbound) bool { return other == in }
	s.held = slices.DeleteFunc(s.held, is)
	unread := slices.DeleteFunc(s.unread[in.sender], is)
	s.unread[in.sender] = unread
	if len(unread) == 0 {
		delete(s.unread, in.sender)
	}
}

// release removes a stream whose handler returns.
func (s *Server) release(in *inbound) {
	s.accepted(in)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, in.id)
	if len(s.streams) == 0 && s.state == serverStopping {
		s.off()
	}
}

// find returns a stream that is served, or nil if its handler has returned.
func (s *Server) find(id roster.StreamID) *inbound {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

// serves notes which ceremony a stream is served for. The ceremony is nil if there is
// none.
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

// Wait waits until the current streams of a ceremony have ended, or until ctx ends.
func (s *Server) Wait(ctx context.Context, c Ceremony) error { return wait(ctx, c, s.of(c)) }

// Close resets the streams of a closed ceremony and waits for their handlers, until ctx
// ends. A stream that sends its last frame is given the grace time, so that the frame
// can arrive.
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
	_ = wait(arriving, c, sendLast) // those that have not ended by then are reset
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
