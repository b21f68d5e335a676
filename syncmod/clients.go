package syncmod

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// Clients is the outbound half of a [Service]: for each member of each open
// ceremony a client that keeps a stream to it and says on it what this node has
// to say. There is nothing to call on it but Start and Stop, which the service,
// or fx, does.
type Clients struct {
	svc   *Service
	group *lifecycle.Group

	mu     sync.Mutex
	byPeer map[peer.ID][]*client
	on     bool
}

func newClients(s *Service) *Clients {
	return &Clients{svc: s, group: lifecycle.NewGroup(s.telemetry.Log(), s.fail), byPeer: make(map[peer.ID][]*client)}
}

// Start begins to listen to the host's events. It dials nobody.
func (c *Clients) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		return nil
	}
	events, err := c.svc.host.EventBus().Subscribe(
		[]any{new(event.EvtPeerConnectednessChanged), new(event.EvtPeerProtocolsUpdated)},
		eventbus.Name(ServiceName), eventbus.BufSize(256),
	)
	if err != nil {
		return fmt.Errorf("starting the sync clients: %w", err)
	}
	c.group.Start()
	c.on = true
	return c.group.Go("host events", func(ctx context.Context) error {
		defer func() { _ = events.Close() }()
		for {
			select {
			case e, ok := <-events.Out():
				if !ok {
					return nil
				}
				c.hint(e)
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// Stop ends every stream and waits for the goroutines, until ctx ends.
func (c *Clients) Stop(ctx context.Context) error {
	c.mu.Lock()
	c.on = false
	c.mu.Unlock()
	if err := c.group.Stop(ctx); err != nil {
		return fmt.Errorf("stopping the sync clients: %w", err)
	}
	return nil
}

// hint tells the clients of a peer that it may be reachable now. Events are
// hints beside the timers: nothing depends on them.
func (c *Clients) hint(e any) {
	var id peer.ID
	switch e := e.(type) {
	case event.EvtPeerConnectednessChanged:
		if e.Connectedness != network.Connected && e.Connectedness != network.Limited {
			return
		}
		id = e.Peer
	case event.EvtPeerProtocolsUpdated:
		if !slices.Contains(e.Added, ProtocolID) {
			return
		}
		id = e.Peer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range c.byPeer[id] {
		select {
		case cl.hint <- struct{}{}:
		default:
		}
	}
}

// start runs a client in the background.
func (c *Clients) start(cl *client) error {
	c.mu.Lock()
	c.byPeer[cl.id] = append(c.byPeer[cl.id], cl)
	c.mu.Unlock()
	cl.started.Store(true)
	err := c.group.Go(fmt.Sprintf("stream to %s", operator(cl.index, cl.ceremony.def.Peers[cl.index])), func(ctx context.Context) error {
		defer c.forget(cl)
		cl.run(ctx)
		return nil
	})
	if err != nil {
		cl.started.Store(false)
		c.forget(cl)
	}
	return err
}

func (c *Clients) forget(cl *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rest := slices.DeleteFunc(c.byPeer[cl.id], func(other *client) bool { return other == cl })
	if len(rest) == 0 {
		delete(c.byPeer, cl.id)
		return
	}
	c.byPeer[cl.id] = rest
}
