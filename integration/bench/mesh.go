package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

const (
	meshProtocol  protocol.ID = "/dkgsync/bench/mesh/1.0.0"
	plainProtocol protocol.ID = "/dkgsync/bench/plain/1.0.0"
)

const (
	headerSize = 8
	answerSize = 21 // a header and a timestamp
)

// frameSize is the size of a frame that announces a step, with the longest signature
// and a session number.
var frameSize = headerSize + proto.Size(&syncpb.SyncRequest{
	Timestamp: timestamppb.Now(), HashSignature: make([]byte, 71),
	Version: syncmod.DefaultConfig().Version, Step: 1, SessionId: 1,
})

// node is a host and its part of a bare mesh. The mesh has a stream from every host to
// every other host, and carries only what the messages of a barrier need. To enter its
// barrier, a node writes a frame on each stream, one after the other, and waits for as
// many frames. A frame that arrives is counted, then answered.
type node struct {
	host.Host
	others  int64            // how many other nodes there are
	streams []network.Stream // one to each of them
	heard   atomic.Int64     // frames from them
	full    chan struct{}    // a signal for each round of frames
	broken  chan error
	running atomic.Int64 // goroutines
}

// newNode prepares a host for bare streams. Call it before the host meets a peer,
// because a host tells all its peers of a handler that is added later.
func newNode(h host.Host) *node {
	n := &node{Host: h, full: make(chan struct{}, 1), broken: make(chan error, 1)}
	h.SetStreamHandler(meshProtocol, n.serve)
	h.SetStreamHandler(plainProtocol, func(s network.Stream) { _, _ = io.CopyN(s, s, 1) })
	return n
}

// serve counts and answers the frames of one stream.
func (n *node) serve(s network.Stream) {
	n.running.Add(1)
	defer n.running.Add(-1)
	frame, answer := make([]byte, frameSize), make([]byte, answerSize)
	for {
		if _, err := io.ReadFull(s, frame); err != nil {
			n.fail(err)
			return
		}
		if n.heard.Add(1)%n.others == 0 {
			n.full <- struct{}{}
		}
		if _, err := s.Write(answer); err != nil {
			n.fail(err)
			return
		}
	}
}

// drain reads the answers of one stream.
func (n *node) drain(s network.Stream) {
	defer n.running.Add(-1)
	answer := make([]byte, answerSize)
	for {
		if _, err := io.ReadFull(s, answer); err != nil {
			n.fail(err)
			return
		}
	}
}

func (n *node) fail(err error) {
	select {
	case n.broken <- err:
	default:
	}
}

// say writes a frame on every stream.
func (n *node) say(frame []byte) error {
	for _, s := range n.streams {
		if _, err := s.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

// mesh is the bare mesh of a cluster.
type mesh struct {
	nodes []*node
	frame []byte
}

// openMesh opens the streams of connected hosts. It returns when each host has received a
// frame from every other host.
func openMesh(nodes []*node) (*mesh, error) {
	m := &mesh{nodes: nodes, frame: make([]byte, frameSize)}
	for _, n := range nodes {
		n.others = int64(len(nodes) - 1)
	}
	err := each(len(nodes), func(i int) (err error) {
		nodes[i].streams, err = openStreams(nodes, i, meshProtocol)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		n.running.Add(n.others)
		for _, s := range n.streams {
			go n.drain(s)
		}
	}
	_, err = together(len(nodes), m.enter) // negotiates the protocol
	return m, err
}

// openStreams opens a stream from one node to every other node.
func openStreams(nodes []*node, from int, pid protocol.ID) ([]network.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var streams []network.Stream
	for i, to := range nodes {
		if i == from {
			continue
		}
		s, err := nodes[from].NewStream(ctx, to.ID(), pid)
		if err != nil {
			return nil, fmt.Errorf("opening a bare stream: %w", err)
		}
		streams = append(streams, s)
	}
	return streams, nil
}

// connectMesh connects hosts that have never met, and opens their mesh. Of two nodes,
// the one with the lower index dials.
func connectMesh(nodes []*node) (*mesh, error) {
	err := each(len(nodes), func(i int) error {
		return each(len(nodes)-i-1, func(j int) error {
			to := nodes[i+1+j]
			return nodes[i].Connect(context.Background(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("connecting the hosts: %w", err)
	}
	return openMesh(nodes)
}

// enter takes a node through its next barrier.
func (m *mesh) enter(i int) error {
	n := m.nodes[i]
	if err := n.say(m.frame); err != nil {
		return err
	}
	select {
	case <-n.full:
		return nil
	case err := <-n.broken:
		return fmt.Errorf("the bare mesh has broken: %w", err)
	}
}

// heard reports whether a node that has not entered yet has received a frame from every
// other node.
func (m *mesh) heard(i int) bool { return len(m.nodes[i].full) > 0 }

// beat makes every node write a frame on each stream once a period, until ctx ends.
func (m *mesh) beat(ctx context.Context, period time.Duration) error {
	return each(len(m.nodes), func(i int) error {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := m.nodes[i].say(m.frame); err != nil {
					return err
				}
			case <-m.nodes[i].full:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// close resets the streams and waits for their goroutines.
func (m *mesh) close() {
	for _, n := range m.nodes {
		for _, s := range n.streams {
			_ = s.Reset()
		}
	}
	for _, n := range m.nodes {
		for n.running.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}
