package main

import (
	"context"
	"fmt"
	"io"
	"sync"
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
	meshProtocol protocol.ID = "/dkgsync/bench/mesh/1.0.0"
	headerSize               = 8
	answerSize               = 21 // a header and a timestamp
)

// frameSize is the size of the frame that announces a step, with a signature of
// the longest kind and a session number.
func frameSize() int {
	return headerSize + proto.Size(&syncpb.SyncRequest{
		Timestamp: timestamppb.Now(), HashSignature: make([]byte, 71), Version: syncmod.DefaultConfig().Version, Step: 1, SessionId: 1,
	})
}

// mesh is the floor: a stream from each host to each other one, with nothing on
// it that the messages of a barrier can do without. To enter the barrier is to
// write a frame on each stream, one after the other, and to wait for as many; a
// frame that arrives is counted, then answered.
type mesh struct {
	hosts  []host.Host
	nodes  []*meshNode
	frame  []byte
	answer []byte
	broken chan error
	wg     sync.WaitGroup
}

type meshNode struct {
	streams []network.Stream // to every other host
	heard   atomic.Int64     // frames
	full    chan struct{}    // a signal for each round of them
}

// newMesh opens the streams; the hosts are connected already.
func newMesh(hosts []host.Host) (*mesh, error) {
	m := &mesh{hosts: hosts, frame: make([]byte, frameSize()), answer: make([]byte, answerSize), broken: make(chan error, 1)}
	for range hosts {
		m.nodes = append(m.nodes, &meshNode{full: make(chan struct{}, 1)})
	}
	for i, h := range hosts {
		h.SetStreamHandler(meshProtocol, func(s network.Stream) {
			m.wg.Add(1) // before the first round is over, and so before the wait for it
			defer m.wg.Done()
			m.serve(m.nodes[i], s)
		})
	}
	err := each(len(hosts), func(i int) error { return m.open(i) })
	if err != nil {
		return nil, fmt.Errorf("opening the bare mesh: %w", err)
	}
	if _, err := together(len(hosts), m.enter); err != nil { // negotiates the protocol
		return nil, err
	}
	return m, nil
}

func (m *mesh) open(i int) error {
	for j, to := range m.hosts {
		if j == i {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		s, err := m.hosts[i].NewStream(ctx, to.ID(), meshProtocol)
		cancel()
		if err != nil {
			return err
		}
		m.nodes[i].streams = append(m.nodes[i].streams, s)
		m.wg.Go(func() { m.drain(s) })
	}
	return nil
}

// serve counts and answers the frames of one stream.
func (m *mesh) serve(node *meshNode, s network.Stream) {
	buf := make([]byte, len(m.frame))
	others := int64(len(m.nodes) - 1)
	for {
		if _, err := io.ReadFull(s, buf); err != nil {
			m.fail(err)
			return
		}
		if node.heard.Add(1)%others == 0 {
			node.full <- struct{}{}
		}
		if _, err := s.Write(m.answer); err != nil {
			m.fail(err)
			return
		}
	}
}

// drain reads the answers of one stream.
func (m *mesh) drain(s network.Stream) {
	buf := make([]byte, answerSize)
	for {
		if _, err := io.ReadFull(s, buf); err != nil {
			m.fail(err)
			return
		}
	}
}

func (m *mesh) fail(err error) {
	select {
	case m.broken <- err:
	default:
	}
}

// enter is a host's next barrier.
func (m *mesh) enter(i int) error {
	if err := m.say(i); err != nil {
		return err
	}
	return m.wait(i)
}

// say writes a host's frame to every other one.
func (m *mesh) say(i int) error {
	for _, s := range m.nodes[i].streams {
		if _, err := s.Write(m.frame); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when every other host's frame has come.
func (m *mesh) wait(i int) error {
	select {
	case <-m.nodes[i].full:
		return nil
	case err := <-m.broken:
		return fmt.Errorf("the bare mesh has broken: %w", err)
	}
}

// arrived tells whether every other host's frame has come, and is not taken yet.
func (m *mesh) arrived(i int) bool { return len(m.nodes[i].full) > 0 }

// beat lets every host write a frame on each stream every period, until ctx
// ends.
func (m *mesh) beat(ctx context.Context, period time.Duration) error {
	return each(len(m.nodes), func(i int) error {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := m.say(i); err != nil {
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
	for i, h := range m.hosts {
		h.RemoveStreamHandler(meshProtocol)
		for _, s := range m.nodes[i].streams {
			_ = s.Reset()
		}
	}
	m.wg.Wait()
}

// connect connects every host to every other one, the one with the lower index
// dialling, and returns when each has had an answer from each.
func connect(hosts []host.Host) (*mesh, error) {
	err := each(len(hosts), func(i int) error {
		return each(len(hosts)-i-1, func(j int) error {
			to := hosts[i+1+j]
			return hosts[i].Connect(context.Background(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("connecting the hosts: %w", err)
	}
	return newMesh(hosts)
}
