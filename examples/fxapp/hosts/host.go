package hosts

import (
	"context"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Params is what [New] takes from the graph.
type Params struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    Config
	Log       *logrus.Logger
	Options   []libp2p.Option `group:"host"` // other options of the program for its host
}

// Result is what [New] provides to the graph.
type Result struct {
	fx.Out

	Host     host.Host
	Listener *Listener
}

// New makes the host of a node. The host does not listen before [Listen]. It is closed when the app stops, after
// everything that uses it.
func New(p Params) (Result, error) {
	listen, err := parseListen(p.Config.Listen)
	if err != nil {
		return Result{}, err
	}
	relays, err := parseRelays(p.Config.Relays)
	if err != nil {
		return Result{}, err
	}
	manager, err := syncmod.NewResourceManager(len(p.Config.Members), 1)
	if err != nil {
		return Result{}, err
	}
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.Identity(p.Config.Key),
		libp2p.ResourceManager(manager),
		libp2p.NoListenAddrs,
		libp2p.EnableRelay(), // NoListenAddrs has switched it off
		libp2p.EnableHolePunching(),
		libp2p.DisableMetrics(), // libp2p's metrics would cover all hosts in this process
	}, p.Options...)...)
	if err != nil {
		return Result{}, fmt.Errorf("making the host: %w", err)
	}
	l := &Listener{host: h, listen: listen, relays: relays, members: p.Config.Members, log: p.Log}
	p.Lifecycle.Append(fx.StopHook(l.close))
	return Result{Host: h, Listener: l}, nil
}

// Listener makes a host reachable, on its listen addresses and through its relays.
type Listener struct {
	host    host.Host
	listen  []multiaddr.Multiaddr
	relays  []relayAt
	members []peer.ID
	log     *logrus.Logger

	leave context.CancelFunc // ends the reservations; nil before they begin
	tasks sync.WaitGroup

	addressed sync.Once // the host has waited for its address
}

// Listen makes the node listen when the app starts, after the start hooks that were added before this one. If
// the node cannot listen, the start fails with a [*ListenError]. Reservations at relays are made in the
// background until the host is closed.
func Listen(lc fx.Lifecycle, l *Listener) { lc.Append(fx.StartHook(l.start)) }

func (l *Listener) start() error {
	for _, addr := range l.listen {
		if err := listenOn(l.host, addr); err != nil {
			return &ListenError{Addr: addr, Err: err}
		}
	}
	ctx, leave := context.WithCancel(context.Background())
	l.leave = leave
	for _, at := range l.relays {
		l.tasks.Go(func() { l.keep(ctx, at) })
	}
	return nil
}

// close closes the host. That also ends a wait for a relay's answer.
func (l *Listener) close() error {
	if l.leave != nil {
		l.leave()
	}
	err := l.host.Close()
	l.tasks.Wait()
	return err
}
