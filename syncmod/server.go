package syncmod

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxParked bounds the streams that wait unread because no ceremony is open.
const maxParked = maxMembers

// Server is the inbound half of a [Service]: it serves the streams that members
// open, and refuses everyone else's. There is nothing to call on it but Start
// and Stop, which the service, or fx, does.
type Server struct {
	svc *Service

	mu       sync.Mutex
	state    serverState
	streams  map[*inbound]struct{}
	waiting  map[peer.ID][]*inbound // a peer's streams that have said nothing acceptable yet, oldest first
	parked   []network.Stream       // unread, one a peer: nothing is open here, so nobody is known
	idle     chan struct{}          // closed when the last handler has returned, while stopping
	handlers int
}

type serverState int

const (
	serverOff serverState = iota
	serverOn
	serverStopping
)

func newServer(s *Service) *Server {
	return &Server{svc: s, streams: make(map[*inbound]struct{}), waiting: make(map[peer.ID][]*inbound)}
}

// Start registers the protocol's handler at the host. It fails when something
// else handles the protocol there.
func (s *Server) Start(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case serverOn:
		return nil
	case serverStopping:
		return fmt.Errorf("starting the sync server: it is still stopping: %w", ErrStopped)
	}
	if slices.Contains(s.svc.host.Mux().Protocols(), ProtocolID) {
		return fmt.Errorf("starting the sync server: this host handles %s already: one service a host", ProtocolID)
	}
	s.state = serverOn
	s.svc.host.SetStreamHandler(ProtocolID, s.handle)
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
		s.svc.host.RemoveStreamHandler(ProtocolID)
	}
	s.state = serverStopping
	for in := range s.streams {
		in.reset(network.StreamShutdown)
	}
	if s.handlers == 0 {
		s.off()
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping the sync server: handlers are still running: %w", ctx.Err())
	}
}

// handle is the protocol's stream handler.
func (s *Server) handle(stream network.Stream) { s.serve(stream, false) }

// serve serves a stream that has just been opened, or was parked.
func (s *Server) serve(stream network.Stream, parked bool) {
	in, stranger := s.admit(stream, parked)
	if stranger {
		s.svc.telemetry.Stranger(context.Background(), time.Now(), stream.Conn().RemotePeer().String())
	}
	if in == nil {
		return
	}
	defer s.release(in)
	in.serve()
}

// admit decides who is served at all: strangers get a reset before a byte is
// read from them, and what cannot be served yet is kept unread.
func (s *Server) admit(stream network.Stream, parked bool) (admitted *inbound, stranger bool) {
	remote := stream.Conn().RemotePeer()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == serverOff {
		resetStream(stream, network.StreamShutdown)
		return nil, false
	}
	in, open, _ := s.svc.membership(remote)
	switch {
	case s.state == serverStopping, !open:
		s.park(stream)
		return nil, false
	case len(in) == 0:
		resetStream(stream, network.StreamGated)
		return nil, true
	}
	if err := stream.Scope().SetService(ServiceName); err != nil {
		resetStream(stream, network.StreamResourceLimitExceeded)
		return nil, false
	}
	if err := stream.Scope().ReserveMemory(s.svc.cfg.MaxFrame, network.ReservationPriorityAlways); err != nil {
		resetStream(stream, network.StreamResourceLimitExceeded)
		return nil, false
	}
	i := newInbound(s, stream, parked)
	s.streams[i] = struct{}{}
	s.handlers++
	waiting := s.waiting[remote]
	waiting = append(waiting, i)
	if len(waiting) > len(in) { // one further stream a peer may wait for its first request, for each ceremony: the newest
		waiting[0].reset(network.StreamRateLimited)
		waiting = waiting[1:]
	}
	s.waiting[remote] = waiting
	return i, false
}

// park keeps a stream unread, one a peer. It is not reset, for Charon would
// reopen it at once, and not answered with an error, which would be final.
func (s *Server) park(stream network.Stream) {
	remote := stream.Conn().RemotePeer()
	s.parked = slices.DeleteFunc(s.parked, func(other network.Stream) bool {
		if other.Conn().RemotePeer() != remote {
			return false
		}
		resetStream(other, network.StreamRateLimited)
		return true
	})
	if len(s.parked) >= maxParked {
		resetStream(s.parked[0], network.StreamRateLimited)
		s.parked = s.parked[1:]
	}
	s.parked = append(s.parked, stream)
}

// unpark serves what has waited, now that a ceremony is open.
func (s *Server) unpark() {
	s.mu.Lock()
	if s.state != serverOn {
		s.mu.Unlock()
		return
	}
	parked := s.parked
	s.parked = nil
	s.mu.Unlock()
	for _, stream := range parked {
		if stream.Conn().IsClosed() {
			resetStream(stream, network.StreamNoError)
			continue
		}
		go s.serve(stream, true)
	}
}

// settled notes that a stream has been accepted: another may wait now.
func (s *Server) settled(in *inbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := slices.DeleteFunc(s.waiting[in.remote], func(other *inbound) bool { return other == in })
	s.waiting[in.remote] = waiting
	if len(waiting) == 0 {
		delete(s.waiting, in.remote)
	}
}

// release ends a stream's handler.
func (s *Server) release(in *inbound) {
	in.stream.Scope().ReleaseMemory(s.svc.cfg.MaxFrame)
	s.settled(in)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, in)
	s.handlers--
	if s.handlers == 0 && s.state == serverStopping {
		s.off()
	}
}

// off is the end of stopping: nothing is left, and nothing may be.
func (s *Server) off() {
	s.state = serverOff
	for _, stream := range s.parked {
		resetStream(stream, network.StreamShutdown)
	}
	s.parked = nil
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// resetStream resets a stream without waiting for it: on a connection that is
// stuck a reset blocks like every other write, and a write that blocks there is
// ended by its deadline only.
func resetStream(stream network.Stream, code network.StreamErrorCode) {
	go func() {
		_ = stream.SetWriteDeadline(longAgo)
		_ = stream.ResetWithError(code)
	}()
}

var longAgo = time.Unix(1, 0)
