package faults

import (
	"bytes"
	"context"
	"fmt"
	"strings"
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

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// The operators. Most faults happen to carol or bob.
const (
	alice = iota
	bob
	carol
	operators
)

// Operators let their nodes try for a while before they stop them and read the logs. On
// a busy machine the operators wait until the logs contain what the test requires.
const (
	patience     = 12 * time.Second
	mostPatience = time.Minute
)

func config() syncmod.Config {
	c := syncmod.DefaultConfig()
	c.Heartbeat, c.ExchangeTimeout, c.PeerTimeout = 200*time.Millisecond, 2*time.Second, 6*time.Second
	c.OpenGrace, c.GoodbyeTimeout = 2*time.Second, 2*time.Second
	return c
}

// node is a node as its operator runs it.
type node struct {
	t       testing.TB
	index   int
	key     crypto.PrivKey
	options []libp2p.Option // of the node's host
	listen  string          // empty: the node does not listen
	host    host.Host
	addrs   []multiaddr.Multiaddr
	config  syncmod.Config
	def     syncmod.Definition
	steps   []syncmod.Step
	absent  bool // the node is not started
	idle    bool // the node is started, but opens no ceremony
	bare    bool // the host is started without a service

	log  *record
	stop context.CancelFunc
}

// record keeps a log.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// scene is a ceremony that will go wrong.
type scene struct {
	t     *testing.T
	nodes []*node
	relay *harness.Relay // a relay for everyone, or nil
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t}
	for i := range operators {
		s.nodes = append(s.nodes, &node{
			t: t, index: i, key: harness.NewKey(t), listen: "/ip4/127.0.0.1/tcp/0", config: config(), log: new(record),
			steps: []syncmod.Step{{Name: "exchange-keys"}, {Name: "deal-shares"}, {Name: "store-keys"}},
		})
	}
	return s
}

// openHosts opens the hosts, and makes the definition that all nodes use.
func (s *scene) openHosts() {
	s.t.Helper()
	for _, n := range s.nodes {
		n.openHost()
		n.addrs = n.host.Addrs()
		if s.relay != nil {
			n.addrs = s.relay.Reserve(n.host)
		}
	}
	for _, n := range s.nodes {
		n.def = s.definition(s.t.Name())
	}
}

func (s *scene) definition(about string) syncmod.Definition {
	def := syncmod.Definition{Hash: harness.Hash(about)}
	for _, n := range s.nodes {
		def.Peers = append(def.Peers, syncmod.Peer{ID: n.id(), Name: harness.Name(n.index), Addrs: n.addrs})
	}
	return def
}

// addressed changes a node's addresses in everyone's definition.
func (s *scene) addressed(who int, addrs ...multiaddr.Multiaddr) {
	for _, n := range s.nodes {
		n.def.Peers[who].Addrs = addrs
	}
}

func (n *node) id() peer.ID {
	id, err := peer.IDFromPrivateKey(n.key)
	require.NoError(n.t, err)
	return id
}

func (n *node) openHost() {
	n.t.Helper()
	opts := append([]libp2p.Option{libp2p.Identity(n.key), libp2p.DisableMetrics()}, n.options...)
	if n.listen == "" {
		opts = append(opts, libp2p.NoListenAddrs, libp2p.EnableRelay())
	} else {
		opts = append(opts, libp2p.ListenAddrStrings(n.listen))
	}
	h, err := libp2p.New(opts...)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { _ = h.Close() })
	n.host = h
}

// run is the program of a node. Its operator sees only its log.
func (n *node) run(ctx context.Context) {
	if n.bare {
		<-ctx.Done()
		return
	}
	log := logrus.New()
	log.SetOutput(n.log)
	log.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
	service, err := syncmod.NewService(n.host, n.config, syncmod.WithLogger(log))
	require.NoError(n.t, err)
	require.NoError(n.t, service.Start(ctx))
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = service.Stop(stopping)
	}()
	if n.idle {
		<-ctx.Done()
		return
	}
	ceremony, err := service.Open(n.def)
	if err != nil {
		log.WithError(err).Error("the ceremony cannot be opened")
		return
	}
	if err := ceremony.Run(ctx, n.steps...); err != nil {
		log.WithError(err).Error("the ceremony has not been completed")
	}
}

// run runs all nodes until each has ended by itself, or the operators lose patience.
func (s *scene) run(enough func() bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), mostPatience)
	defer cancel()
	var wg sync.WaitGroup
	for _, n := range s.nodes {
		if n.absent {
			_ = n.host.Close()
			continue
		}
		own, stop := context.WithCancel(ctx)
		n.stop = stop
		wg.Go(func() { n.run(own) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); ; {
		select {
		case <-done:
			return
		case <-time.After(mostPatience + harness.Patience):
			require.Fail(s.t, "a node does not end")
			return
		case <-look.C:
			if time.Since(began) > patience && enough() {
				cancel()
			}
		}
	}
}

// logs returns the logs of the nodes by name.
func (s *scene) logs() map[string]string {
	logs := make(map[string]string)
	for _, n := range s.nodes {
		logs[harness.Name(n.index)] = n.log.String()
	}
	return logs
}

// operatorLines returns the lines of a log that an operator sees: all but the debug
// lines.
func operatorLines(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "level=debug") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func at(format string, args ...any) multiaddr.Multiaddr {
	return multiaddr.StringCast(fmt.Sprintf(format, args...))
}
