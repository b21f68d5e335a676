package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// cluster plays a plan.
type cluster struct {
	t      *testing.T
	plan   plan
	config syncmod.Config // of every node
	nodes  *harness.Cluster
	wires  *wires
	tally  *tally
	alive  []bool      // nodes whose host is open
	up     []bool      // nodes whose app runs
	broken atomic.Bool // connections may have ended, which matters to all later ceremonies
}

// play plays a plan, and checks the outcome.
func play(t *testing.T, p plan, counts *tally) {
	var opts []harness.Option
	switch p.network {
	case links:
		opts = append(opts, harness.Links())
	case quic:
		opts = append(opts, harness.QUIC())
	case relay:
		opts = append(opts, harness.Behind(harness.NewRelay(t, p.recycle, 1<<20)))
	}
	c := newCluster(t, p.members, p.config(), counts, opts...)
	c.plan = p
	c.broken.Store(p.network == relay)
	var before []*scene
	for i, r := range p.rounds {
		before = c.round(i, r, before)
		if t.Failed() {
			t.Logf("the plan:\n%s", p)
			return
		}
	}
	c.end(before)
}

// newCluster starts the hosts of a cluster, but no apps yet.
func newCluster(t *testing.T, members int, config syncmod.Config, counts *tally, opts ...harness.Option) *cluster {
	c := &cluster{
		t:      t,
		config: config,
		nodes:  harness.New(t, members, append(opts, harness.With(config))...),
		tally:  counts,
		alive:  slices.Repeat([]bool{true}, members),
		up:     make([]bool, members),
	}
	c.wires = newWires(c.nodes)
	return c
}

// round plays the ceremonies of a round. They may have the definition of the previous
// round, whose ceremonies are then still open.
func (c *cluster) round(i int, r round, before []*scene) []*scene {
	for _, node := range r.anew {
		c.stop(node)
	}
	for node := range c.alive {
		if !c.alive[node] {
			c.nodes.Nodes[node].OpenHost()
			c.alive[node] = true
		}
	}
	var scenes []*scene
	for j, planned := range r.ceremonies {
		if r.again {
			scenes = append(scenes, newScene(c, i, planned, before[0].about, before[0]))
			continue
		}
		about := fmt.Sprintf("%d, round %d, ceremony %d", c.plan.seed, i, j)
		scenes = append(scenes, newScene(c, i, planned, about, nil))
	}
	c.startApps(scenes)
	var wg sync.WaitGroup
	for _, s := range scenes {
		wg.Go(s.play)
	}
	wg.Wait()
	for _, s := range scenes {
		s.judge()
	}
	if next := i + 1; next == len(c.plan.rounds) || !c.plan.rounds[next].again {
		c.closeAll(scenes)
	}
	for _, s := range scenes {
		s.heal()
	}
	return scenes
}

// startApps starts the apps that do not run. If a node starts late, it starts its app itself.
func (c *cluster) startApps(scenes []*scene) {
	for i := range c.up {
		if len(scenes) == 1 && scenes[0].planned.nodes[i].open > 50*time.Millisecond {
			continue
		}
		c.start(i)
	}
}

func (c *cluster) start(i int) {
	if c.up[i] {
		return
	}
	if err := c.nodes.Nodes[i].Run(); err != nil {
		c.t.Errorf("starting the app of node %d: %v", i, err)
	}
	c.up[i] = true
}

func (c *cluster) stop(i int) {
	if !c.up[i] {
		return
	}
	c.up[i] = false
	c.inTime(fmt.Sprintf("stopping the app of node %d", i), c.nodes.Nodes[i].Stop)
}

// kill closes a node's host, and then stops the app that ran on it.
func (c *cluster) kill(i int) {
	c.alive[i] = false
	c.nodes.Nodes[i].CloseHost()
	c.stop(i)
}

// leaving is how long closing a ceremony or stopping an app may take. On an idle
// machine it would take a second.
const leaving = 5 * time.Second

// inTime requires that f returns in time and without an error.
func (c *cluster) inTime(what string, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.config.GoodbyeTimeout+leaving)
	defer cancel()
	began := time.Now()
	if err := f(ctx); err != nil {
		c.t.Errorf("%s: %v", what, err)
	}
	if took := time.Since(began); took > leaving {
		c.t.Errorf("%s took %s", what, took)
	}
}

// closeAll closes ceremonies that have ended, on every living node, and requires that
// no stream is left. A stream that arrived when nothing was open is kept unread for the
// next ceremony, so closeAll opens one.
func (c *cluster) closeAll(scenes []*scene) {
	var wg sync.WaitGroup
	for _, s := range scenes {
		for _, a := range s.actors {
			wg.Go(a.close)
		}
	}
	wg.Wait()
	_, out := c.streams(func(_, out int) bool { return out == 0 }, within)
	c.requireNone("to others", out)
	var ends []func()
	for i := range c.up {
		if c.up[i] {
			ends = append(ends, c.sweep(i))
		}
	}
	c.requireNoStreams()
	for _, end := range ends {
		end()
	}
}

// sweep opens a ceremony with a member that does not exist, so that the node looks at
// unread streams. It returns a function that closes the ceremony.
func (c *cluster) sweep(i int) (end func()) {
	nobody, err := peer.IDFromPrivateKey(harness.NewKey(c.t))
	require.NoError(c.t, err)
	node := c.nodes.Nodes[i]
	peers := []syncmod.Peer{{ID: node.Host.ID()}, {ID: nobody}}
	ceremony, err := node.Service.Open(syncmod.Definition{Hash: harness.Hash("nobody"), Peers: peers})
	require.NoError(c.t, err)
	return func() { c.inTime(fmt.Sprintf("closing node %d's ceremony for unread streams", i), ceremony.Close) }
}

// end stops everything that still runs.
func (c *cluster) end(scenes []*scene) {
	var wg sync.WaitGroup
	for i := range c.up {
		wg.Go(func() { c.stop(i) })
	}
	wg.Wait()
	c.requireNoStreams()
	for _, s := range scenes {
		for _, a := range s.actors {
			if open := c.nodes.Nodes[a.index].Service.Ceremonies(); len(open) > 0 {
				c.t.Errorf("node %d has %d ceremonies open after its stop", a.index, len(open))
			}
		}
	}
}

// requireNoStreams requires that no open host has a stream.
func (c *cluster) requireNoStreams() {
	in, out := c.streams(func(in, out int) bool { return in+out == 0 }, within)
	c.requireNone("from others", in)
	c.requireNone("to others", out)
}

func (c *cluster) requireNone(which string, counts map[int]int) {
	if len(counts) > 0 {
		c.t.Errorf("streams %s are left, by node: %v", which, counts)
	}
}

// streams counts the streams on each open host, by direction. It waits until wanted
// accepts the counts, or patience runs out.
func (c *cluster) streams(wanted func(in, out int) bool, patience time.Duration) (in, out map[int]int) {
	_ = eventually(patience, func() error {
		in, out = make(map[int]int), make(map[int]int)
		for i, node := range c.nodes.Nodes {
			if !c.alive[i] {
				continue
			}
			from, to := streams(node.Host)
			if from > 0 {
				in[i] = from
			}
			if to > 0 {
				out[i] = to
			}
		}
		if !wanted(len(in), len(out)) {
			return errors.New("streams are left")
		}
		return nil
	})
	return in, out
}
