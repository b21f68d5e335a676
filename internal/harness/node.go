package harness

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Node is one member. It has an identity, a host with that identity and, while it runs,
// an app on the host.
type Node struct {
	Index    int
	Key      crypto.PrivKey
	Host     host.Host
	Service  *syncmod.Service  // the service of the current or last app
	Ceremony *syncmod.Ceremony // the node's ceremony of the whole cluster

	cluster *Cluster
	listen  string                // the address where the host listens; it stays the same after the first OpenHost
	addrs   []multiaddr.Multiaddr // the addresses at which others find the host
	app     *fx.App
	log     *log
}

// ID returns the node's peer ID.
func (n *Node) ID() peer.ID {
	id, err := peer.IDFromPrivateKey(n.Key)
	require.NoError(n.cluster.t, err)
	return id
}

// OpenHost starts the node's host, at the same address as before.
func (n *Node) OpenHost() {
	c := n.cluster
	c.t.Helper()
	opts := []libp2p.Option{libp2p.Identity(n.Key), libp2p.DisableMetrics()}
	switch {
	case c.settings.relay != nil:
		opts = append(opts, libp2p.NoListenAddrs, libp2p.EnableRelay())
	case c.settings.links: // the host does not announce its real address
		opts = append(opts, libp2p.ListenAddrStrings(n.listen), libp2p.DisableRelay(),
			libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return nil }))
	default:
		opts = append(opts, libp2p.ListenAddrStrings(n.listen), libp2p.DisableRelay())
	}
	var err error
	n.Host, err = libp2p.New(append(opts, c.settings.host...)...)
	require.NoError(c.t, err)
	if c.settings.relay != nil {
		n.addrs = c.settings.relay.Reserve(n.Host)
		return
	}
	n.addrs = n.Host.Network().ListenAddresses()
	n.listen = n.addrs[0].String()
}

// CloseHost closes the node's host and all its connections. A host's Close may take long
// while peers identify each other, so CloseHost waits at most for Patience.
func (n *Node) CloseHost() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = n.Host.Close()
	}()
	select {
	case <-closed:
	case <-time.After(Patience):
		n.cluster.t.Logf("the host of %s has not closed after %s", Name(n.Index), Patience)
	}
}

// start runs an app on the node's host with a ceremony of the whole cluster.
func (n *Node) start() error {
	return n.Run(fx.Supply(n.cluster.Definition(n.Index, n.cluster.t.Name())), fx.Populate(&n.Ceremony))
}

// Run starts an app on the node's host. The app has the module, the cluster's
// configuration and the given options.
func (n *Node) Run(opts ...fx.Option) error {
	logger := logrus.New()
	logger.SetOutput(n.log)
	logger.SetLevel(logrus.DebugLevel)
	n.app = fx.New(
		fx.Provide(func() host.Host { return n.Host }),
		fx.Supply(logger),
		syncmod.Module,
		syncmod.Configure(n.cluster.settings.config),
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
		fx.Populate(&n.Service),
		fx.Options(opts...),
	)
	return n.app.Start(n.cluster.Context())
}

// Open opens a definition on the node, whose app must be running.
func (n *Node) Open(t testing.TB, def syncmod.Definition) *syncmod.Ceremony {
	t.Helper()
	c, err := n.Service.Open(def)
	require.NoError(t, err, Name(n.Index))
	return c
}

// Stop stops the node's app if it is running. The host keeps running.
func (n *Node) Stop(ctx context.Context) error {
	if n.app == nil {
		return nil
	}
	err := n.app.Stop(ctx)
	n.app = nil
	return err
}

// Wait returns the channel on which fx announces that the node's app should stop.
func (n *Node) Wait() <-chan fx.ShutdownSignal { return n.app.Wait() }

// Logged returns what the node has logged, at debug level.
func (n *Node) Logged() string { return n.log.String() }

// log keeps the last part of what a node has logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const longestLog = 1 << 20 // bytes

func newLog() *log { return new(log) }

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len()+len(b) > longestLog {
		l.text.Next(l.text.Len() / 2)
	}
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
