package dkg

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) {
	playProcess()
	goleak.VerifyTestMain(m)
}

// cluster has the members of a definition. Each is a node with a host, a data directory
// and a generator.
type cluster struct {
	t          testing.TB
	definition syncmod.Definition
	nodes      []*node
}

type node struct {
	cluster   *cluster
	index     int
	host      host.Host
	dir       string
	service   *syncmod.Service
	generator *Generator
	log       *logs
	// change lets a hostile member change its steps.
	change func(a *attempt, steps []syncmod.Step) []syncmod.Step
}

// within returns a context that lasts as long as a ceremony may take on a busy machine.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*harness.Patience)
	t.Cleanup(cancel)
	return ctx
}

// config returns a configuration in which nodes begin again at once.
func config(attempts int) syncmod.Config {
	c := harness.Patient()
	c.Retry = syncmod.Retry{Attempts: attempts, Pause: time.Millisecond, PauseMax: 2 * time.Millisecond}
	return c
}

// newCluster starts n nodes. They take part once they are run.
func newCluster(t testing.TB, n int) *cluster {
	t.Helper()
	return clusterWith(t, config(1), n)
}

func clusterWith(t testing.TB, config syncmod.Config, n int, opts ...syncmod.Option) *cluster {
	t.Helper()
	var hosts []host.Host
	for range n {
		hosts = append(hosts, harness.NewHost(t))
	}
	return clusterOf(t, config, harness.Define(t.Name(), hosts...), hosts, opts...)
}

func clusterOf(
	t testing.TB, config syncmod.Config, definition syncmod.Definition, hosts []host.Host, opts ...syncmod.Option,
) *cluster {
	t.Helper()
	c := &cluster{t: t, definition: definition}
	for i, h := range hosts {
		node := &node{cluster: c, index: i, host: h, dir: t.TempDir(), log: new(logs)}
		node.start(config, opts...)
		c.nodes = append(c.nodes, node)
	}
	return c
}

func (n *node) logger() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(n.log)
	log.SetLevel(logrus.TraceLevel)
	return log
}

// start starts the service and the generator of a node.
func (n *node) start(config syncmod.Config, opts ...syncmod.Option) {
	t := n.cluster.t
	t.Helper()
	log := n.logger()
	store, err := OpenStore(n.dir, n.cluster.definition)
	require.NoError(t, err)
	n.generator, err = New(n.host, store, log)
	require.NoError(t, err)
	require.NoError(t, n.generator.Start())
	n.service, err = syncmod.NewService(n.host, config, append(opts, syncmod.WithLogger(log))...)
	require.NoError(t, err)
	require.NoError(t, n.service.Start(context.Background()))
	generator, service := n.generator, n.service
	t.Cleanup(func() {
		require.NoError(t, service.Stop(harness.Within(t)))
		_ = generator.Stop(harness.Within(t))
	})
}

// run lets the node take part in the ceremony until it is over for this node.
func (n *node) run(ctx context.Context) (*syncmod.Receipt, error) {
	r, err := n.service.Run(ctx, n.cluster.definition, n.steps)
	n.generator.following.Wait()
	return r, err
}

func (n *node) steps(c *syncmod.Ceremony) ([]syncmod.Step, error) {
	steps, err := n.generator.Steps(c)
	if err == nil && n.change != nil {
		n.generator.mu.Lock()
		a := n.generator.server.current
		n.generator.mu.Unlock()
		steps = n.change(a, steps)
	}
	return steps, err
}

// runAll runs all nodes at once, and returns their errors by operator index.
func (c *cluster) runAll() []error {
	c.t.Helper()
	ctx := within(c.t)
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() { _, errs[i] = n.run(ctx) })
	}
	wg.Wait()
	return errs
}

// complete runs all nodes, and requires that all complete.
func (c *cluster) complete() []*Share {
	c.t.Helper()
	for i, err := range c.runAll() {
		require.NoError(c.t, err, harness.Name(i))
	}
	return c.shares()
}

// shares returns the confirmed shares of all nodes.
func (c *cluster) shares() []*Share {
	c.t.Helper()
	shares := make([]*Share, len(c.nodes))
	for i, n := range c.nodes {
		var err error
		shares[i], err = ReadShare(n.dir)
		require.NoError(c.t, err, harness.Name(i))
	}
	return shares
}

// requireOneKey requires that the shares belong to one key, and that any threshold of
// them can sign for it.
func requireOneKey(t testing.TB, shares []*Share) {
	t.Helper()
	message := []byte("what the group signs")
	var partials [][]byte
	for _, s := range shares {
		require.Equal(t, shares[0].GroupKey, s.GroupKey)
		partial, err := s.Sign(message)
		require.NoError(t, err)
		partials = append(partials, partial)
	}
	threshold := shares[0].Threshold
	first, err := shares[0].Recover(message, partials[:threshold]...)
	require.NoError(t, err)
	last, err := shares[1].Recover(message, partials[len(partials)-threshold:]...)
	require.NoError(t, err)
	require.Equal(t, first, last)
	require.NoError(t, Verify(shares[0].GroupKey, message, first))
}

// files returns the names of the files in the data directory.
func (n *node) files() []string {
	n.cluster.t.Helper()
	entries, err := os.ReadDir(n.dir)
	require.NoError(n.cluster.t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// logs is a buffer that several goroutines write to.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*logs)(nil)

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// die ends a node as the death of a process would: the others are not told.
func (n *node) die() {
	t := n.cluster.t
	require.NoError(t, n.host.Close())
	require.NoError(t, n.service.Stop(harness.Within(t)))
	require.NoError(t, n.generator.Stop(harness.Within(t)))
}

// rise starts a dead node again, with the same key and the files on its disk.
func (n *node) rise(config syncmod.Config) {
	t := n.cluster.t
	t.Helper()
	n.host = harness.NewHostWithKey(t, n.host.Peerstore().PrivKey(n.host.ID()))
	n.start(config)
}
