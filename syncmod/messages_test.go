package syncmod_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestABarrierTakesOneExchangePerStream(t *testing.T) {
	const n, barriers = 4, 5
	const streams = n * (n - 1)
	calm := syncmod.Config{Heartbeat: 10 * time.Minute, ExchangeTimeout: 20 * time.Minute}
	requests, answers := newTally(), newTally()
	c := harness.New(t, n, harness.With(calm))
	for _, node := range c.Nodes {
		node.Host = &tallyHost{Host: node.Host, requests: requests, answers: answers}
	}
	c.Idle()
	ceremonies := harness.Open(t, c.Nodes, c.Define(t.Name()))
	connect(t, ceremonies)
	for range 2 { // after members have met, they repeat some things
		advance(t, ceremonies)
	}
	before := requests.now()
	require.Equal(t, before, answers.reach(t, before))

	for k := 1; k <= barriers; k++ {
		advance(t, ceremonies)

		require.Equal(t, before+k*streams, requests.now())
		require.Equal(t, before+k*streams, answers.reach(t, before+k*streams))
	}
}

// tally counts writes. Each frame takes one write.
type tally struct {
	mu      sync.Mutex
	count   int
	changed chan struct{}
}

func newTally() *tally { return &tally{changed: make(chan struct{})} }

func (c *tally) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *tally) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// reach waits until the count is reached, and returns the count at that moment.
func (c *tally) reach(t testing.TB, count int) int {
	t.Helper()
	for ctx := harness.Within(t); ; {
		c.mu.Lock()
		now, changed := c.count, c.changed
		c.mu.Unlock()
		if now >= count {
			return now
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(t, "too few", "%d instead of %d", now, count)
		}
	}
}

// tallyHost counts the writes on the streams of the protocol.
type tallyHost struct {
	host.Host
	requests, answers *tally
}

func (h *tallyHost) NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error) {
	s, err := h.Host.NewStream(ctx, p, pids...)
	if err != nil {
		return nil, err
	}
	return &tallyStream{Stream: s, writes: h.requests}, nil
}

func (h *tallyHost) SetStreamHandler(pid protocol.ID, handle network.StreamHandler) {
	h.Host.SetStreamHandler(pid, func(s network.Stream) { handle(&tallyStream{Stream: s, writes: h.answers}) })
}

type tallyStream struct {
	network.Stream
	writes *tally
}

func (s *tallyStream) Write(p []byte) (int, error) {
	s.writes.add()
	return s.Stream.Write(p)
}
