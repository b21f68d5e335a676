package syncmod_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

var names = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"}

// node is one member of a test cluster: a real host on loopback TCP.
type node struct {
	host    host.Host
	service *syncmod.Service
}

// newHost starts a host with a new secp256k1 identity.
func newHost(t testing.TB) host.Host {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	return newHostWithKey(t, key)
}

func newHostWithKey(t testing.TB, key crypto.PrivKey) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// fast is a Config for tests: everything that waits, waits less.
func fast() syncmod.Config {
	return syncmod.Config{
		Heartbeat: 50 * time.Millisecond, ExchangeTimeout: 2 * time.Second, PeerTimeout: 500 * time.Millisecond,
		OpenGrace: 500 * time.Millisecond, GoodbyeTimeout: 5 * time.Second, BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
	}
}

// newCluster starts n nodes, and returns them with their definition.
func newCluster(t testing.TB, n int, cfg syncmod.Config) ([]*node, syncmod.Definition) {
	t.Helper()
	nodes := make([]*node, n)
	hosts := make([]host.Host, n)
	for i := range nodes {
		hosts[i] = newHost(t)
	}
	def := definitionOf(t.Name(), hosts...)
	for i, h := range hosts {
		nodes[i] = &node{host: h, service: startService(t, h, cfg)}
	}
	return nodes, def
}

func startService(t testing.TB, h host.Host, cfg syncmod.Config) *syncmod.Service {
	t.Helper()
	s, err := syncmod.NewService(h, cfg, syncmod.WithLogger(quiet()))
	require.NoError(t, err)
	require.NoError(t, s.Start(context.Background()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	})
	return s
}

func definitionOf(about string, hosts ...host.Host) syncmod.Definition {
	hash := sha256.Sum256([]byte(about))
	def := syncmod.Definition{Hash: hash[:]}
	for i, h := range hosts {
		def.Peers = append(def.Peers, syncmod.Peer{ID: h.ID(), Name: name(i), Addrs: h.Addrs()})
	}
	return def
}

func name(i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("node%d", i)
}

// open opens a definition on every node.
func open(t testing.TB, nodes []*node, def syncmod.Definition) []*syncmod.Ceremony {
	t.Helper()
	ceremonies := make([]*syncmod.Ceremony, len(nodes))
	for i, n := range nodes {
		c, err := n.service.Open(def)
		require.NoError(t, err)
		ceremonies[i] = c
	}
	return ceremonies
}

// everyone calls a function for each ceremony at once, and returns the errors.
func everyone(ceremonies []*syncmod.Ceremony, f func(i int, c *syncmod.Ceremony) error) []error {
	errs := make([]error, len(ceremonies))
	done := make(chan struct{})
	for i, c := range ceremonies {
		go func() {
			errs[i] = f(i, c)
			done <- struct{}{}
		}()
	}
	for range ceremonies {
		<-done
	}
	return errs
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func requireNone(t testing.TB, errs []error) {
	t.Helper()
	for i, err := range errs {
		require.NoError(t, err, name(i))
	}
}
