package soak

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod"
)

// strange makes a stranger open streams to a node and send nonsense. The stranger gets no answer.
func (s *scene) strange(node int) {
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		s.t.Errorf("a stranger's host: %v", err)
		return
	}
	defer func() { _ = h.Close() }()
	victim := peer.AddrInfo{ID: s.hosts[node].ID(), Addrs: s.hosts[node].Network().ListenAddresses()}
	for range 5 {
		if h.Connect(ctx, victim) != nil {
			return // the node is not there at the moment
		}
		stream, err := h.NewStream(ctx, victim.ID, syncmod.ProtocolID)
		if err != nil {
			continue // the stream is refused, or nothing handles the protocol yet
		}
		_ = stream.SetDeadline(time.Now().Add(200 * time.Millisecond)) // a node with nothing open does not read it
		_, _ = stream.Write([]byte{8, 0, 0, 0, 0, 0, 0, 0, 'n', 'o', 'n', 's', 'e', 'n', 's', 'e'})
		if n, _ := stream.Read(make([]byte, 1)); n > 0 {
			s.t.Errorf("node %d has answered a stranger", node)
		}
		_ = stream.Reset()
	}
}
