// Package mixed_test runs ceremonies of our nodes with the reference peers of package
// refpeer, on real hosts.
package mixed_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	version = "v1.11"
	// onePacket is the largest frame, in bytes, that surely arrives in one piece.
	onePacket = 1200
)

var variants = []refpeer.Variant{refpeer.CharonLike, refpeer.PlutoLike, refpeer.OlderCharonLike}

// config returns the defaults, with shorter timeouts where a test would have to wait.
func config() syncmod.Config {
	return syncmod.Config{
		Version:        version,
		Nickname:       "ours",
		PeerTimeout:    3 * time.Second,
		GoodbyeTimeout: 5 * time.Second,
	}
}

// cluster has our nodes, which come first in operator order, and a reference peer on
// each of the other hosts.
type cluster struct {
	*harness.Cluster
	t      testing.TB
	ours   []int
	theirs []int
	refs   map[int]*refpeer.Peer
	frames frames
}

// newCluster starts the hosts, makes the reference peers, and connects the hosts. Nothing
// else runs yet.
func newCluster(t testing.TB, ours int, theirs []refpeer.Variant, opts ...harness.Option) *cluster {
	t.Helper()
	c := &cluster{
		Cluster: harness.New(t, ours+len(theirs), append([]harness.Option{harness.With(config())}, opts...)...),
		t:       t, refs: make(map[int]*refpeer.Peer),
	}
	for i := range c.Nodes {
		if i < ours {
			c.ours = append(c.ours, i)
		} else {
			c.theirs = append(c.theirs, i)
		}
	}
	for _, i := range c.theirs {
		c.reference(i, refpeer.Options{Variant: theirs[i-ours]})
	}
	for i := range c.Nodes {
		for j := range i {
			c.meet(j, i)
		}
	}
	return c
}

// meet connects two hosts. When two dial each other at the same moment, both may fail.
func (c *cluster) meet(from, to int) {
	c.t.Helper()
	addrs := c.Definition(from, c.t.Name()).Peers[to].Addrs
	require.NoError(c.t, c.Nodes[from].Host.Connect(c.Context(), peer.AddrInfo{ID: c.Nodes[to].ID(), Addrs: addrs}))
}

// reference makes a reference peer for an operator, and replaces the operator's
// previous reference peer.
func (c *cluster) reference(i int, opts refpeer.Options) *refpeer.Peer {
	c.t.Helper()
	return c.referenceOf(i, harness.Hash(c.t.Name()), opts)
}

func (c *cluster) referenceOf(i int, hash []byte, opts refpeer.Options) *refpeer.Peer {
	c.t.Helper()
	if old := c.refs[i]; old != nil {
		old.Close()
	}
	def := refpeer.Definition{Hash: hash}
	for _, n := range c.Nodes {
		def.Peers = append(def.Peers, n.ID())
	}
	if opts.Version == "" {
		opts.Version = version
	}
	opts.Nickname, opts.OnFrame = "theirs", c.frames.add
	p, err := refpeer.New(c.Nodes[i].Host, def, opts)
	require.NoError(c.t, err)
	c.t.Cleanup(p.Close)
	c.refs[i] = p
	return p
}

// start starts all peers, the handlers first.
func (c *cluster) start() {
	c.t.Helper()
	for _, i := range c.theirs {
		c.refs[i].Serve()
	}
	c.Start(c.ours...)
	for _, i := range c.theirs {
		c.refs[i].Dial()
	}
}

// startOursFirst starts all peers once our two nodes know each other. A node that fails
// before it has reached the other node cannot tell the other node who the culprit was;
// see docs/guarantees.md.
func (c *cluster) startOursFirst() {
	c.t.Helper()
	c.Start(c.ours...)
	for _, i := range c.ours {
		c.Until(i, func(s syncmod.Status) bool { return harness.Connected(s.Peers[0]) })
	}
	for _, i := range c.theirs {
		c.refs[i].Serve()
	}
	for _, i := range c.theirs {
		c.refs[i].Dial()
	}
}

// begin starts all peers and takes them through the barriers up to a step.
func (c *cluster) begin(step int) {
	c.t.Helper()
	c.start()
	for range step {
		c.advance(c.All()...)
	}
}

// each calls the function ours for each of our nodes, and the function theirs for each
// reference peer, all at the same time. It requires that none fails.
func (c *cluster) each(
	nodes []int,
	ours func(context.Context, *syncmod.Ceremony) error,
	theirs func(context.Context, *refpeer.Peer) error,
) {
	c.t.Helper()
	ctx := c.Context()
	errs := make([]error, len(c.Nodes))
	var wg sync.WaitGroup
	for _, i := range nodes {
		wg.Go(func() {
			if ref := c.refs[i]; ref != nil {
				errs[i] = theirs(ctx, ref)
				return
			}
			errs[i] = ours(ctx, c.Nodes[i].Ceremony)
		})
	}
	wg.Wait()
	for i, err := range errs {
		require.NoError(c.t, err, harness.Name(i))
	}
}

// advance takes nodes through the next barrier.
func (c *cluster) advance(nodes ...int) {
	c.t.Helper()
	c.each(nodes,
		func(ctx context.Context, ceremony *syncmod.Ceremony) error {
			_, err := ceremony.Advance(ctx)
			return err
		},
		func(ctx context.Context, p *refpeer.Peer) error { return p.Advance(ctx) })
}

// finish takes nodes through the last barrier and the goodbyes.
func (c *cluster) finish(nodes ...int) {
	c.t.Helper()
	c.each(nodes,
		func(ctx context.Context, ceremony *syncmod.Ceremony) error { return ceremony.Complete(ctx) },
		func(ctx context.Context, p *refpeer.Peer) error {
			if err := p.Advance(ctx); err != nil {
				return err
			}
			return p.Shutdown(ctx)
		})
	for _, i := range nodes {
		if c.refs[i] == nil {
			require.Equal(c.t, syncmod.Complete, c.Nodes[i].Ceremony.Status().Phase, harness.Name(i))
		}
	}
}

// rejected waits until each of these reference peers has failed, and
// requires that the peer was refused in these words.
func (c *cluster) rejected(words string, nodes ...int) {
	c.t.Helper()
	for _, i := range nodes {
		err := c.refs[i].Failure(c.Context())
		require.ErrorIs(c.t, err, refpeer.ErrRejected, harness.Name(i))
		require.ErrorContains(c.t, err, words, harness.Name(i))
	}
}

// failed waits until these reference peers have failed, for any reason.
func (c *cluster) failed(nodes ...int) {
	c.t.Helper()
	for _, i := range nodes {
		require.Error(c.t, c.refs[i].Failure(c.Context()), harness.Name(i))
	}
}

// frames keeps every frame that the reference peers have received.
type frames struct {
	mu  sync.Mutex
	all []refpeer.Frame
}

func (f *frames) add(frame refpeer.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, frame)
}

// requireWholeFrames requires that every frame from our nodes was far smaller than a
// packet, and that one Read received all of it.
func (c *cluster) requireWholeFrames() {
	c.t.Helper()
	c.frames.mu.Lock()
	defer c.frames.mu.Unlock()
	requests, responses := 0, 0
	for _, frame := range c.frames.all {
		if c.refs[c.indexOf(frame.From)] != nil {
			continue
		}
		if frame.Request {
			requests++
		} else {
			responses++
		}
		require.LessOrEqual(c.t, frame.Size, onePacket)
		require.True(c.t, frame.Whole, "a frame of %d bytes came in pieces", frame.Size)
	}
	require.NotZero(c.t, requests)
	require.NotZero(c.t, responses)
}

func (c *cluster) indexOf(id peer.ID) int {
	for i, n := range c.Nodes {
		if n.ID() == id {
			return i
		}
	}
	return -1
}

// forEach runs a test for each of the known programs, in parallel.
func forEach(t *testing.T, test func(t *testing.T, variant refpeer.Variant)) {
	t.Helper()
	oneByOne(t, func(t *testing.T, variant refpeer.Variant) {
		t.Parallel()
		test(t, variant)
	})
}

// oneByOne runs a test for each of the known programs, one after another. It is for
// tests that take time, or that count what the whole process does.
func oneByOne(t *testing.T, test func(t *testing.T, variant refpeer.Variant)) {
	t.Helper()
	for _, variant := range variants {
		t.Run(variant.String(), func(t *testing.T) { test(t, variant) })
	}
}

// eventually calls its function again and again, until it returns true. It is for
// conditions without an event.
func (c *cluster) eventually(so func() bool, what string) {
	c.t.Helper()
	harness.Eventually(c.t, so, what)
}

// streams returns a host's streams of the protocol with a peer, in one direction.
func streams(h host.Host, with peer.ID, direction network.Direction) []network.Stream {
	var all []network.Stream
	for _, conn := range h.Network().ConnsToPeer(with) {
		for _, s := range conn.GetStreams() {
			if s.Protocol() == syncmod.ProtocolID && s.Stat().Direction == direction {
				all = append(all, s)
			}
		}
	}
	return all
}
