package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

// identity is what makes a node's host that node's: an application reads it from
// its configuration.
type identity struct {
	key     crypto.PrivKey
	addr    multiaddr.Multiaddr // to listen on
	members int                 // of the largest ceremony that the host has to carry
}

// node is one node of the demo: an application of its own, with a host of its
// own. The nodes share nothing but the report.
type node struct {
	index  int
	plan   plan
	report *report
	gone   chan struct{} // closed when its host is

	app      *fx.App
	host     host.Host
	ceremony *syncmod.Ceremony
}

// newApp makes the application of a node: its host, the module, the ceremony and
// its steps.
func (n *node) newApp(id identity, definition syncmod.Definition, config syncmod.Config, log *logrus.Logger) *fx.App {
	return fx.New(
		lifecycle.WithFxLogger(),
		fx.Supply(log, id, definition),
		fx.Provide(newHost),
		syncmod.Module,
		syncmod.Configure(config),
		syncmod.RunSteps(n.steps), // newSteps in an application: its parameters come from the graph
		fx.Invoke(listen),
		fx.Populate(&n.host, &n.ceremony), // for the demo to look at
	)
}

// newHost makes the host. Its constructor opens no port: listen does, later.
func newHost(lc fx.Lifecycle, id identity) (host.Host, error) {
	defaults := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&defaults)
	limits := syncmod.ResourceLimits(id.members).Build(defaults.AutoScale())
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
	if err != nil {
		return nil, fmt.Errorf("making the resource manager: %w", err)
	}
	h, err := libp2p.New(
		libp2p.Identity(id.key),
		libp2p.ResourceManager(manager),
		libp2p.NoListenAddrs,
		libp2p.DisableMetrics(), // one registry for all nodes of the process
	)
	if err != nil {
		return nil, fmt.Errorf("making the host: %w", err)
	}
	lc.Append(fx.StopHook(h.Close))
	return h, nil
}

// listen is invoked last, so its hook runs last: who reaches this node finds the
// protocol's handler there.
func listen(lc fx.Lifecycle, h host.Host, id identity) {
	lc.Append(fx.StartHook(func() error { return h.Network().Listen(id.addr) }))
}

// steps is the work between the barriers: here, waiting for a moment.
func (n *node) steps() []syncmod.Step {
	steps := make([]syncmod.Step, len(n.plan.steps))
	for i, name := range n.plan.steps {
		number := i + 1
		steps[i] = syncmod.Step{Name: name, Run: func(ctx context.Context) error {
			n.report.passed(n.index, number, n.ceremony.Status())
			if n.index == n.plan.kill && number == n.plan.killStep() {
				return n.die(ctx)
			}
			if err := work(ctx); err != nil {
				return err
			}
			n.report.arrived(n.index, number+1) // at the next barrier
			return nil
		}}
	}
	return steps
}

// work takes 20 to 120 ms, or until the ceremony has failed.
func work(ctx context.Context) error {
	select {
	case <-time.After(20*time.Millisecond + rand.N(100*time.Millisecond)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// die is the end of a process as the others see it: its connections are gone,
// and nobody has been told anything.
func (n *node) die(ctx context.Context) error {
	n.report.dies(n.index)
	err := n.host.Close()
	close(n.gone)
	<-ctx.Done() // a dead process does nothing more
	return err
}

// run starts the node, and stops it when its ceremony has ended, it has died or
// ctx has ended. Its error says that it could not be started.
func (n *node) run(ctx context.Context) error {
	if n.plan.isLate(n.index) && !sleep(ctx, n.plan.late) {
		return nil
	}
	if err := n.start(ctx); err != nil {
		return fmt.Errorf("starting %s: %w", n.plan.operator(n.index), err)
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-n.gone:
			cancel()
		case <-watching.Done():
		}
	}()
	for status := range n.ceremony.Watch(watching) {
		n.report.saw(n.index, status)
	}
	n.stop(ctx)
	return nil
}
