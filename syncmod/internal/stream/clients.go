package stream

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// Clients is the client half. It passes the host's events on to the clients of the open
// ceremonies. When it stops, it ends the clients that still run.
type Clients struct {
	cfg    *Config
	broken func(error)

	mu     sync.Mutex
	byPeer map[peer.ID][]*client
	sets   map[*CeremonyClients]struct{} // those that have started and not ended
	cancel context.CancelFunc            // ends the goroutine of listen; nil while the half is off
	ended  chan struct{}                 // closed when listen has returned
}

// NewClients returns a client half that is off. It will call the function broken if
// the goroutine that waits for the host's events panics.
func NewClients(cfg *Config, broken func(error)) *Clients {
	return &Clients{
		cfg: cfg, broken: broken, byPeer: make(map[peer.ID][]*client), sets: make(map[*CeremonyClients]struct{}),
	}
}

// Start starts to listen to the host's events. It dials nobody.
func (c *Clients) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		return nil
	}
	events, err := c.cfg.Host.EventBus().Subscribe(
		[]any{new(event.EvtPeerConnectednessChanged), new(event.EvtPeerProtocolsUpdated)},
		eventbus.Name(c.cfg.Service), eventbus.BufSize(256),
	)
	if err != nil {
		return fmt.Errorf("subscribing to the host's events: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.ended = cancel, make(chan struct{})
	go c.listen(ctx, events, c.ended)
	return nil
}

func (c *Clients) listen(ctx context.Context, events event.Subscription, ended chan<- struct{}) {
	defer close(ended)
	defer func() { _ = events.Close() }()
	defer recovering("host events", c.broken)
	for {
		select {
		case e, ok := <-events.Out():
			if !ok {
				return
			}
			c.hint(e)
		case <-ctx.Done():
			return
		}
	}
}

// Stop ends every client and waits for their goroutines to return, until ctx ends.
func (c *Clients) Stop(ctx context.Context) error {
	c.mu.Lock()
	if c.cancel != nil {
		c.cancel()
	}
	c.cancel = nil
	ended := c.ended
	var left []*CeremonyClients
	for set := range c.sets {
		left = append(left, set)
	}
	c.mu.Unlock()
	for _, set := range left {
		set.End()
	}
	for _, set := range left {
		if err := set.Wait(ctx); err != nil {
			return err
		}
	}
	if ended == nil {
		return nil
	}
	if err := await(ctx, ended); err != nil {
		return fmt.Errorf("the host's events are still being handled: %w", err)
	}
	return nil
}

// hint tells the clients of a peer that it may be reachable now. Events are only hints,
// in addition to the timers: nothing depends on them.
func (c *Clients) hint(e any) {
	var id peer.ID
	switch e := e.(type) {
	case event.EvtPeerConnectednessChanged:
		if e.Connectedness != network.Connected && e.Connectedness != network.Limited {
			return
		}
		id = e.Peer
	case event.EvtPeerProtocolsUpdated:
		if !slices.Contains(e.Added, c.cfg.Protocol) && !slices.Contains(e.Added, c.cfg.Observe) {
			return
		}
		id = e.Peer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UnixNano()
	for _, cl := range c.byPeer[id] {
		cl.set.met.Store(now)
		notify(cl.hint)
	}
}

// add registers the clients of a ceremony. It returns false if the half is off.
func (c *Clients) add(set *CeremonyClients) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel == nil {
		return false
	}
	c.sets[set] = struct{}{}
	for _, cl := range set.clients {
		c.byPeer[cl.id] = append(c.byPeer[cl.id], cl)
	}
	return true
}

// forget removes the clients of a ceremony.
func (c *Clients) forget(set *CeremonyClients) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sets, set)
	for _, cl := range set.clients {
		rest := slices.DeleteFunc(c.byPeer[cl.id], func(other *client) bool { return other == cl })
		c.byPeer[cl.id] = rest
		if len(rest) == 0 {
			delete(c.byPeer, cl.id)
		}
	}
}

// notify wakes the goroutine that waits on ch, a channel of one slot.
func notify(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// await waits for a channel to close, until ctx ends. If both have happened, the
// channel counts.
func await(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-closed:
		return nil
	default:
		return ctx.Err()
	}
}

// recovering passes a panic of its goroutine to the function broken. It must be
// deferred.
func recovering(task string, broken func(error)) {
	if value := recover(); value != nil {
		broken(&lifecycle.PanicError{Task: task, Value: value, Stack: debug.Stack()})
	}
}
