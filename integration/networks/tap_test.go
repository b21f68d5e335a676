package networks_test

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// moment is a point in the exchange of a goodbye and its answer.
type moment int

const (
	beforeGoodbye moment = iota // the host is about to say its first goodbye
	beforeAnswer                // it has read another member's first goodbye, and is about to answer
	afterAnswer                 // it has just written that answer
)

// tap is a host that calls act once, at the given moment. It then waits until the
// connection on which the moment came has closed, and goes on.
type tap struct {
	host.Host
	moment moment
	act    func()
	acted  atomic.Pointer[peer.ID] // the moment came on a stream from or to this member
}

func (t *tap) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	s, err := t.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return &tapped{Stream: s, tap: t}, nil
}

func (t *tap) SetStreamHandler(id protocol.ID, handler network.StreamHandler) {
	t.Host.SetStreamHandler(id, func(s network.Stream) { handler(&tapped{Stream: s, tap: t, serving: true}) })
}

// now calls act, unless the tap has called it before.
func (t *tap) now(conn network.Conn) {
	remote := conn.RemotePeer()
	if !t.acted.CompareAndSwap(nil, &remote) {
		return
	}
	t.act()
	for gone := time.After(harness.Patience); !conn.IsClosed(); {
		select {
		case <-time.After(time.Millisecond): // no event says that a connection is closed
		case <-gone:
			return
		}
	}
}

// tapped is a stream of the protocol. A client writes one frame at a time. A server may answer
// several requests at once, from any goroutine.
type tapped struct {
	network.Stream
	tap     *tap
	serving bool

	mu       sync.Mutex
	requests []byte // what it has read since the last answer
}

func (s *tapped) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	if s.serving {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, b[:n]...)
	}
	return n, err
}

// answers reports whether the bytes that are about to be written answer
// a goodbye.
func (s *tapped) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := s.serving && isGoodbye(s.requests)
	s.requests = nil
	return answers
}

func (s *tapped) Write(b []byte) (int, error) {
	answer := s.answers()
	if s.tap.moment == beforeGoodbye && !s.serving && isGoodbye(b) || s.tap.moment == beforeAnswer && answer {
		s.tap.now(s.Conn())
	}
	n, err := s.Stream.Write(b)
	if s.tap.moment == afterAnswer && answer {
		s.tap.now(s.Conn())
	}
	return n, err
}

// isGoodbye reports whether the last of several frames is a request that says goodbye.
func isGoodbye(frames []byte) bool {
	const header = 8
	var request syncpb.SyncRequest
	for len(frames) > header {
		size := int(binary.LittleEndian.Uint64(frames)) //nolint:gosec // our own frames
		if size > len(frames)-header || proto.Unmarshal(frames[header:header+size], &request) != nil {
			return false
		}
		frames = frames[header+size:]
	}
	return request.GetShutdown()
}
