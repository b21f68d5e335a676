package dkg

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// protocols holds the protocol of each phase. The node that opens a stream sends
// nothing. It reads the message to its end; an empty message means that there is none
// yet.
var protocols = [phases]protocol.ID{
	"/dkgsync/fxapp/key/1.0.0",
	"/dkgsync/fxapp/deal/1.0.0",
	"/dkgsync/fxapp/response/1.0.0",
}

const (
	serviceName  = "fxapp-dkg" // the name for the host's resource manager
	maxStreams   = 8           // per member, at the same time
	serveTimeout = 10 * time.Second
)

// server is the serving half of a generator: the messages, the members that may read
// them, and the open streams.
type server struct {
	members map[peer.ID]bool

	current *attempt // nothing from another attempt is served
	texts   [phases][]byte
	streams map[network.Stream]peer.ID
	stopped bool
	idle    chan struct{} // closed while stopping, when the handlers of all streams have returned
}

// serve sets the message that is served in a phase. The first message of an attempt
// replaces all messages of the previous attempt.
func (g *Generator) serve(a *attempt, p phase, text []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server.current != a {
		if p != keyPhase {
			return // this attempt has failed, and another one has begun
		}
		g.server.current, g.server.texts = a, [phases][]byte{}
	}
	g.server.texts[p] = text
}

// message returns this node's message of a phase.
func (g *Generator) message(a *attempt, p phase) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server.current != a {
		return nil
	}
	return g.server.texts[p]
}

// handle returns the handler for streams of a phase.
func (g *Generator) handle(p phase) network.StreamHandler {
	return func(stream network.Stream) {
		text, code := g.admit(stream, p)
		if code != 0 {
			_ = stream.ResetWithError(code)
			return
		}
		defer g.release(stream)
		if err := g.write(stream, text); err != nil {
			_ = stream.Reset()
		}
	}
}

// admit decides whether to serve a stream, and returns the text to write.
func (g *Generator) admit(stream network.Stream, p phase) (text []byte, refused network.StreamErrorCode) {
	remote := stream.Conn().RemotePeer()
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.server
	already := 0
	for _, id := range s.streams {
		if id == remote {
			already++
		}
	}
	switch {
	case s.stopped:
		return nil, network.StreamShutdown
	case !s.members[remote]:
		return nil, network.StreamGated
	case already >= maxStreams:
		return nil, network.StreamRateLimited
	}
	s.streams[stream] = remote
	return s.texts[p], 0
}

func (g *Generator) release(stream network.Stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.server.streams, stream)
	g.server.checkIdle()
}

// checkIdle closes idle if nothing is being served any longer. The caller holds the lock.
func (s *server) checkIdle() {
	if s.idle != nil && len(s.streams) == 0 {
		close(s.idle)
		s.idle = nil
	}
}

// write writes a whole message.
func (g *Generator) write(stream network.Stream, text []byte) error {
	release, err := reserve(stream, len(text))
	if err != nil {
		return err
	}
	defer release()
	if err := stream.SetDeadline(time.Now().Add(serveTimeout)); err != nil {
		return err
	}
	if _, err := stream.Write(text); err != nil {
		return err
	}
	return stream.Close()
}

// reserve reserves memory for a message at the host's resource manager.
func reserve(stream network.Stream, size int) (release func(), err error) {
	if err := stream.Scope().SetService(serviceName); err != nil {
		return nil, fmt.Errorf("%w: %w", errOwnHost, err)
	}
	if err := stream.Scope().ReserveMemory(size, network.ReservationPriorityAlways); err != nil {
		return nil, fmt.Errorf("%w: %w", errOwnHost, err)
	}
	return func() { stream.Scope().ReleaseMemory(size) }, nil
}

// startServing registers the protocols at the host.
func (g *Generator) startServing() error {
	for _, id := range protocols {
		if slices.Contains(g.host.Mux().Protocols(), id) {
			return fmt.Errorf("this host already handles %s: use one generator for each host", id)
		}
	}
	g.mu.Lock()
	g.server.stopped = false
	g.mu.Unlock()
	for p, id := range protocols {
		g.host.SetStreamHandler(id, g.handle(phase(p)))
	}
	return nil
}

// stopServing removes the protocols from the host, resets the open streams, and waits
// until their handlers have returned.
func (g *Generator) stopServing(ctx context.Context) error {
	for _, id := range protocols {
		g.host.RemoveStreamHandler(id)
	}
	g.mu.Lock()
	s := &g.server
	s.stopped, s.current, s.texts = true, nil, [phases][]byte{}
	for stream := range s.streams {
		_ = stream.ResetWithError(network.StreamShutdown)
	}
	idle := make(chan struct{})
	s.idle = idle
	s.checkIdle()
	g.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("streams of the key generation are still being served: %w", ctx.Err())
	}
}
