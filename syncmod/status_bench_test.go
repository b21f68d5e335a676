package syncmod

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/test"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/mesh"
)

// BenchmarkStatus measures the most expensive status: this node is connected with
// nobody, and every other member says that it is connected with half of the members.
func BenchmarkStatus(b *testing.B) {
	for _, n := range []int{4, 64, 1024} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			c := unconnected(b, n)
			b.ReportAllocs()
			for b.Loop() {
				c.mu.Lock()
				c.status()
				c.mu.Unlock()
			}
		})
	}
}

func unconnected(b *testing.B, n int) *core {
	b.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, h.Close()) })
	s, err := NewService(h, Config{Heartbeat: time.Millisecond}) // some heartbeats later, it says who reaches whom
	require.NoError(b, err)
	d := Definition{Hash: make([]byte, 32), Peers: []Peer{{ID: h.ID()}}}
	for range n - 1 {
		id, err := test.RandPeerID()
		require.NoError(b, err)
		d.Peers = append(d.Peers, Peer{ID: id})
	}
	c, err := newCore(s, nil, d, attempt{}, openOptions{})
	require.NoError(b, err)
	long := time.Now().Add(-time.Hour)
	for member := 1; member < n; member++ {
		links := make([]mesh.Link, n)
		for i := range links {
			if i != member && (i+member)%2 == 0 {
				links[i] = mesh.Inbound | mesh.Outbound
			}
		}
		require.True(b, c.mesh.Set(long, member, mesh.NewView(links)))
	}
	return c
}
