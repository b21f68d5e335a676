package hosts_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	mathrand "math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

const (
	tcp4  = "/ip4/127.0.0.1/tcp/0"
	quic4 = "/ip4/127.0.0.1/udp/0/quic-v1"
	tcp6  = "/ip6/::1/tcp/0"
	quic6 = "/ip6/::1/udp/0/quic-v1"
)

// node is one member: its app, and what a test needs of it.
type node struct {
	key      crypto.PrivKey
	listen   []string
	host     host.Host
	ceremony *syncmod.Ceremony
	log      *logText
	app      *fx.App
}

func (n *node) id(t *testing.T) peer.ID {
	t.Helper()
	id, err := peer.IDFromPrivateKey(n.key)
	require.NoError(t, err)
	return id
}

// cluster has members. Its definition has their peer IDs, and their addresses if they listen.
type cluster struct {
	nodes   []*node
	listen  []string // port 0 gives each member a port of its own
	name    string   // replaces 127.0.0.1 in the members' addresses in the definition
	relays  []string
	options []libp2p.Option
}

func newKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	return key
}

// start starts the members.
func (c *cluster) start(t *testing.T, members int) {
	t.Helper()
	for range members {
		n := &node{key: newKey(t), log: new(logText)}
		for _, addr := range c.listen {
			n.listen = append(n.listen, withFreePort(t, addr))
		}
		c.nodes = append(c.nodes, n)
	}
	definition := c.definition(t)
	var ids []peer.ID
	for _, p := range definition.Peers {
		ids = append(ids, p.ID)
	}
	for _, n := range c.nodes {
		log := logrus.New()
		log.SetOutput(n.log)
		n.app = fx.New(
			fx.Supply(log, definition, hosts.Config{Key: n.key, Listen: n.listen, Relays: c.relays, Members: ids}),
			fx.Supply(fx.Annotate(c.options, fx.ResultTags(`group:"host,flatten"`))),
			fx.Provide(hosts.New),
			fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
			syncmod.Module,
			fx.Populate(&n.host, &n.ceremony),
			fx.Invoke(hosts.Listen),
		)
		require.NoError(t, n.app.Start(t.Context()))
		t.Cleanup(func() { require.NoError(t, n.app.Stop(context.Background())) })
	}
}

func (c *cluster) definition(t *testing.T) syncmod.Definition {
	t.Helper()
	hash := sha256.Sum256([]byte(t.Name()))
	d := syncmod.Definition{Hash: hash[:]}
	for _, n := range c.nodes {
		p := syncmod.Peer{ID: n.id(t)}
		for _, addr := range n.listen {
			if c.name != "" {
				addr = strings.Replace(addr, "/ip4/127.0.0.1/", c.name, 1)
			}
			p.Addrs = append(p.Addrs, multiaddr.StringCast(addr))
		}
		d.Peers = append(d.Peers, p)
	}
	return d
}

// withFreePort puts a free port into an address. It avoids the ports that the system uses for outgoing
// connections: one of those could be taken before its node listens.
func withFreePort(t *testing.T, addr string) string {
	t.Helper()
	for range 1000 {
		port := fmt.Sprintf("/%d", 10000+mathrand.N(20000))
		text := strings.Replace(addr, "/0", port, 1)
		at := multiaddr.StringCast(text)
		if socket, err := manet.Listen(at); err == nil {
			require.NoError(t, socket.Close())
			return text
		}
		if udp, _ := multiaddr.SplitFunc(at, func(c multiaddr.Component) bool {
			return c.Protocol().Code == multiaddr.P_QUIC_V1
		}); len(udp) < len(at) {
			if socket, err := manet.ListenPacket(udp); err == nil {
				require.NoError(t, socket.Close())
				return text
			}
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// each calls f with every member's ceremony, all at the same time.
func (c *cluster) each(t *testing.T, f func(context.Context, *syncmod.Ceremony) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	errs := make([]error, len(c.nodes))
	var wait sync.WaitGroup
	for i, n := range c.nodes {
		wait.Go(func() { errs[i] = f(ctx, n.ceremony) })
	}
	wait.Wait()
	for i, err := range errs {
		require.NoError(t, err, "operator %d:\n%s", i, c.nodes[i].log)
	}
}

func (c *cluster) connect(t *testing.T) {
	t.Helper()
	c.each(t, func(ctx context.Context, c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
}

func (c *cluster) advance(t *testing.T) {
	t.Helper()
	c.each(t, func(ctx context.Context, c *syncmod.Ceremony) error {
		_, err := c.Advance(ctx)
		return err
	})
}

func (c *cluster) complete(t *testing.T) {
	t.Helper()
	c.each(t, func(ctx context.Context, c *syncmod.Ceremony) error { return c.Complete(ctx) })
}

// run takes all members from the first connection to the goodbyes.
func (c *cluster) run(t *testing.T) {
	t.Helper()
	c.connect(t)
	for range 3 {
		c.advance(t)
	}
	c.complete(t)
}

// relayed adds up how many other members each member reaches through a relay.
func (c *cluster) relayed() (count int) {
	for _, n := range c.nodes {
		for _, p := range n.ceremony.Status().Peers {
			if p.Relayed {
				count++
			}
		}
	}
	return count
}

// relay is a relay that can be stopped, and started again at the same address.
type relay struct {
	*hosts.Relay
	key    crypto.PrivKey
	listen []string
}

func startRelay(t *testing.T, listen ...string) *relay {
	t.Helper()
	r := &relay{key: newKey(t), listen: listen}
	r.start(t)
	return r
}

func (r *relay) start(t *testing.T) {
	t.Helper()
	var err error
	r.Relay, err = hosts.NewRelay(hosts.RelayConfig{Key: r.key, Listen: r.listen})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	r.listen = nil
	for _, addr := range r.Addrs() {
		where, _ := peer.SplitAddr(addr)
		r.listen = append(r.listen, where.String())
	}
}

// at returns the relay's addresses as an operator gives them.
func (r *relay) at() (texts []string) {
	for _, addr := range r.Addrs() {
		texts = append(texts, addr.String())
	}
	return texts
}

// page serves the relay's list of addresses over HTTP.
func (r *relay) page(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL
}

// logText is the log of a node.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// eventually polls until so() returns true. It is for conditions without an event.
func eventually(t *testing.T, so func() bool, what string) {
	t.Helper()
	require.Eventually(t, so, patience, 10*time.Millisecond, what)
}
