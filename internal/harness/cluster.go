package harness

import (
	"context"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Cluster consists of the members of a definition and the network between them.
type Cluster struct {
	Nodes []*Node

	t        testing.TB
	settings settings
	links    map[[2]int]*Link
}

type settings struct {
	config syncmod.Config
	keys   []crypto.PrivKey
	listen string
	host   []libp2p.Option
	links  bool
	relay  *Relay
}

// Option changes how a cluster is made.
type Option func(*settings)

// With gives every node the given configuration instead of [Fast].
func With(config syncmod.Config) Option { return func(s *settings) { s.config = config } }

// Keys gives the first nodes the given identities instead of new ones.
func Keys(keys ...crypto.PrivKey) Option { return func(s *settings) { s.keys = keys } }

// TCP6 makes hosts listen on loopback TCP over IPv6 instead of IPv4.
func TCP6() Option { return func(s *settings) { s.listen = "/ip6/::1/tcp/0" } }

// QUIC makes hosts listen on loopback QUIC instead of TCP.
func QUIC() Option { return func(s *settings) { s.listen = "/ip4/127.0.0.1/udp/0/quic-v1" } }

// QUIC6 makes hosts listen on loopback QUIC over IPv6 instead of TCP over IPv4.
func QUIC6() Option { return func(s *settings) { s.listen = "/ip6/::1/udp/0/quic-v1" } }

// Hosts adds libp2p options to every host.
func Hosts(opts ...libp2p.Option) Option {
	return func(s *settings) { s.host = append(s.host, opts...) }
}

// Links makes every node reach every other node only through a [Link]. It works only
// with TCP.
func Links() Option { return func(s *settings) { s.links = true } }

// Behind hides every host behind a relay. The hosts listen nowhere and can only be
// reached through the relay.
func Behind(r *Relay) Option { return func(s *settings) { s.relay = r } }

// New starts n hosts with new secp256k1 identities. They are the members of a definition
// of their own. No node runs on them yet.
func New(t testing.TB, n int, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, settings: settings{config: Fast(), listen: loopback}, links: make(map[[2]int]*Link)}
	for _, opt := range opts {
		opt(&c.settings)
	}
	for i := range n {
		node := &Node{Index: i, cluster: c, listen: c.settings.listen, log: newLog()}
		if i < len(c.settings.keys) {
			node.Key = c.settings.keys[i]
		} else {
			node.Key = NewKey(t)
		}
		c.Nodes = append(c.Nodes, node)
	}
	for _, node := range c.Nodes {
		node.OpenHost()
	}
	if c.settings.links {
		c.openLinks()
	}
	t.Cleanup(c.close)
	return c
}

// Definition returns operator i's definition of a ceremony of all members. The addresses
// in it may differ between operators.
func (c *Cluster) Definition(i int, about string) syncmod.Definition {
	def := syncmod.Definition{Hash: Hash(about)}
	for j, other := range c.Nodes {
		p := syncmod.Peer{ID: other.ID(), Name: Name(j)}
		switch {
		case i == j:
		case c.settings.links:
			p.Addrs = []multiaddr.Multiaddr{c.Link(i, j).Addr()}
		default:
			p.Addrs = other.addrs
		}
		def.Peers = append(def.Peers, p)
	}
	return def
}

// Define returns a definition of all members that is the same for everyone. It works
// only for hosts that announce their addresses.
func (c *Cluster) Define(about string) syncmod.Definition {
	hosts := make([]host.Host, len(c.Nodes))
	for i, n := range c.Nodes {
		hosts[i] = n.Host
	}
	return Define(about, hosts...)
}

// All returns the indexes of all nodes.
func (c *Cluster) All() []int {
	all := make([]int, len(c.Nodes))
	for i := range all {
		all[i] = i
	}
	return all
}

// Except returns the indexes of all nodes but the given ones.
func (c *Cluster) Except(nodes ...int) []int {
	return slices.DeleteFunc(c.All(), func(i int) bool { return slices.Contains(nodes, i) })
}

// Start starts the apps of the given nodes at the same time, with a ceremony of the
// whole cluster. Without arguments it starts all nodes.
func (c *Cluster) Start(nodes ...int) {
	c.t.Helper()
	if len(nodes) == 0 {
		nodes = c.All()
	}
	c.mustNot(c.each(nodes, func(n *Node) error { return n.start() }))
}

// Idle starts the given nodes, or all, without a ceremony, as long-lived nodes.
// [Cluster.Open] opens ceremonies on them.
func (c *Cluster) Idle(nodes ...int) {
	c.t.Helper()
	if len(nodes) == 0 {
		nodes = c.All()
	}
	c.mustNot(c.each(nodes, func(n *Node) error { return n.Run() }))
}

// Open opens a ceremony of the whole cluster on the given running nodes, or on all, at
// the same time. It becomes the Ceremony of these nodes.
func (c *Cluster) Open(about string, nodes ...int) {
	c.t.Helper()
	if len(nodes) == 0 {
		nodes = c.All()
	}
	c.mustNot(c.each(nodes, func(n *Node) (err error) {
		n.Ceremony, err = n.Service.Open(c.Definition(n.Index, about))
		return err
	}))
}

// Stop stops the apps of the given nodes at the same time, as fx does on a signal.
func (c *Cluster) Stop(nodes ...int) {
	c.t.Helper()
	c.mustNot(c.each(nodes, func(n *Node) error { return n.Stop(c.Context()) }))
}

// Kill ends the given nodes as if their processes died: their connections end first, and
// the others are not told.
func (c *Cluster) Kill(nodes ...int) {
	c.t.Helper()
	c.mustNot(c.each(nodes, func(n *Node) error {
		n.CloseHost()
		return n.Stop(c.Context())
	}))
}

// Restart kills the given nodes if they run. It then starts them with the same
// identities and addresses, in a new ceremony of the same definition.
func (c *Cluster) Restart(nodes ...int) {
	c.t.Helper()
	c.Kill(nodes...)
	for _, i := range nodes {
		c.Nodes[i].OpenHost()
	}
	c.Start(nodes...)
}

// Each calls f for the ceremonies of the given nodes at the same time, and returns the
// errors by operator index.
func (c *Cluster) Each(nodes []int, f func(ctx context.Context, ceremony *syncmod.Ceremony) error) map[int]error {
	ctx := c.Context()
	return c.each(nodes, func(n *Node) error { return f(ctx, n.Ceremony) })
}

func (c *Cluster) each(nodes []int, f func(*Node) error) map[int]error {
	errs := make(map[int]error, len(nodes))
	for k, err := range each(nodes, func(i int) error { return f(c.Nodes[i]) }) {
		errs[nodes[k]] = err
	}
	return errs
}

// Context returns a context that ends after [Patience].
func (c *Cluster) Context() context.Context { return Within(c.t) }

func (c *Cluster) mustNot(errs map[int]error) {
	c.t.Helper()
	for i, err := range errs {
		require.NoError(c.t, err, Name(i))
	}
}

// close stops everything that still runs.
func (c *Cluster) close() {
	for _, n := range c.Nodes {
		if c.t.Failed() {
			c.t.Logf("%s (operator %d, %s) logged:\n%s", Name(n.Index), n.Index, n.ID(), n.Logged())
		}
	}
	for i, err := range c.each(c.All(), func(n *Node) error { return n.Stop(c.Context()) }) {
		if err != nil {
			c.t.Errorf("stopping %s: %v", Name(i), err)
		}
	}
	_ = c.each(c.All(), func(n *Node) error { n.CloseHost(); return nil })
	for _, l := range c.links {
		l.close()
	}
}
