package statuspage

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// often is the time between two heartbeats. It is short, so that much
// changes.
const often = 250 * time.Millisecond

// crowd is a node in a ceremony of a hundred. The other members talk only to this node and not
// to each other, which would cost a hundred times as much.
type crowd struct {
	t      testing.TB
	node   *harness.Node
	ctx    context.Context
	others []*other
	going  sync.WaitGroup
}

// other is a member of a crowd.
type other struct {
	stream harness.RawStream
	says   *syncpb.SyncRequest
	steps  chan int64 // the steps that it announces
}

// newCrowd returns a crowd in which everyone is connected.
func newCrowd(t testing.TB) *crowd {
	t.Helper()
	const members = 100
	cluster := harness.New(t, members, harness.With(syncmod.Config{Heartbeat: often}),
		harness.Hosts(libp2p.ResourceManager(&network.NullResourceManager{})))
	c := &crowd{t: t, node: cluster.Nodes[0]}
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	t.Cleanup(func() { cancel(); c.going.Wait() })
	raws := make(map[int]*harness.RawPeer)
	for _, i := range cluster.Except(0) {
		raws[i] = cluster.Raw(i)
		raws[i].Become(uint64(i))
		raws[i].Connect(t, c.node.Host)
	}
	cluster.Start(0)
	for _, i := range cluster.Except(0) {
		o := &other{stream: raws[i].Open(t, c.node.Host), steps: make(chan int64)}
		o.says = raws[i].Request(t, c.node.Ceremony.Definition(),
			harness.View(sees(i, members)), harness.Nickname(harness.Name(i)))
		o.stream.Accepted(t, o.says)
		o.says.View = nil // its view does not change
		c.others = append(c.others, o)
		c.going.Go(func() { o.beat(ctx) })
	}
	cluster.Until(0, func(s syncmod.Status) bool { return s.WaitingFor() == nil })
	return c
}

// sees returns the view of a member that is connected to all others.
func sees(member, members int) []byte {
	const connected = 0b0011
	view := make([]byte, (members+1)/2)
	for i := range members {
		if i != member {
			view[i/2] |= connected << (i % 2 * 4)
		}
	}
	return view
}

// beat makes a member say how it stands, as often as a node does.
func (o *other) beat(ctx context.Context) {
	beats := time.NewTicker(often)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case o.says.Step = <-o.steps:
		case <-beats.C:
		}
		if _, err := o.stream.Exchange(o.says); err != nil {
			return
		}
	}
}

// goOn makes all members go from step to step until the test ends. Each member arrives at a
// barrier after a random time of at most spread.
func (c *crowd) goOn(spread time.Duration) {
	c.going.Go(func() {
		for step := int64(1); c.ctx.Err() == nil; step++ {
			for _, o := range c.others {
				c.going.Go(func() { o.comes(c.ctx, step, rand.N(spread)) })
			}
			if _, err := c.node.Ceremony.Advance(c.ctx); err != nil && c.ctx.Err() == nil {
				c.t.Error(err)
			}
		}
	})
}

// comes makes a member arrive at a barrier after some time.
func (o *other) comes(ctx context.Context, step int64, after time.Duration) {
	wait(ctx, nil, after)
	select {
	case o.steps <- step:
	case <-ctx.Done():
	}
}
